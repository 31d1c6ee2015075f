import { afterAll, beforeAll, describe, expect, it, jest } from '@jest/globals';
import { killReceiptSchema, type AttemptLimits, type AttemptOutcome, type RunEvent, type Tier } from '@bullpen/core';

import { agent, deathsOf, endingOf, startRig, valueOf, type Answer, type Rig } from './runtime-rig.ts';

jest.setTimeout(120_000); // a machine short of CPU starts a thread in seconds

const warningsOf = ({ events }: Answer) => events.flatMap((event) => (isWarning(event) ? [(event.fields as { limit: string }).limit] : []));
const isWarning = (event: RunEvent): event is RunEvent & { type: 'log' } => event.type === 'log' && event.level === 'warn' && typeof event.fields === 'object';
const receiptOf = ({ outcome }: Answer) => killReceiptSchema.parse(outcome.kind === 'succeeded' ? null : outcome.kill);

/** A thread in a cell is told to end first; on a machine that is short of CPU the cell may be killed before it does. */
const SIGNALS: Record<Tier, RegExp> = { basic: /^terminate$/, enhanced: /^(terminate|SIGKILL)$/, strict: /^SIGKILL$/ };

describe.each<Tier>(['basic', 'enhanced', 'strict'])('the limits of a run in tier %s', (tier) => {
  let rig: Rig;
  const run = (body: string, limits: AttemptLimits, asked: { timeoutMs?: number; memoryMb?: number } = {}) => rig.run(agent(body), { tier, limits, ...asked });
  beforeAll(async () => {
    rig = await startRig({ tiers: [tier] });
    await rig.run(agent('return 1'), { tier });
  });
  afterAll(() => rig.stop());

  it('end it for its CPU time, after a warning', async () => {
    const answer = await run('for (;;);', { cpuMs: 300 });
    expect(endingOf(answer)).toBe('cpu_exceeded/CPU_EXCEEDED');
    expect(warningsOf(answer)).toEqual(['cpuMs']);
    expect(receiptOf(answer)).toMatchObject({ attempt: 1, by: 'limit', detail: expect.stringContaining('beyond the limit of 300 (cpuMs)') });
    expect(answer.outcome.usage.cpuMs).toBeGreaterThan(300);
  });

  it('end it for what it logs, after a warning, and keep what was within', async () => {
    const answer = await run('for (let i = 0; ; i += 1) { ctx.log("x".repeat(100)); await new Promise(setImmediate); }', { logBytes: 2000 });
    expect(endingOf(answer)).toBe('failed/LOG_VOLUME_EXCEEDED');
    expect(warningsOf(answer)).toEqual(['logBytes']);
    const kept = answer.events.filter((event) => event.type === 'log' && event.level === 'info');
    expect(kept.length).toBeGreaterThan(5);
    expect(kept.reduce((sum, event) => sum + JSON.stringify(event).length, 0)).toBeLessThanOrEqual(2000);
  });

  it('end it for how fast it says things', async () => {
    const answer = await run('for (let i = 0; ; i += 1) { ctx.emit("n", i); await new Promise(setImmediate); }', { eventsPerSecond: 10 });
    expect(endingOf(answer)).toBe('failed/EVENT_RATE_EXCEEDED');
    expect(answer.events.filter(({ type }) => type === 'emit')).toHaveLength(10);
  });

  it('refuse a result beyond its own limit, and warn of one that is nearly', async () => {
    const large = await run('return "x".repeat(100)', { resultBytes: 101 });
    expect(endingOf(large)).toBe('failed/RESULT_TOO_LARGE');
    const near = await run('return "x".repeat(98)', { resultBytes: 101 });
    expect(valueOf(near)).toHaveLength(98);
    expect(warningsOf(near)).toEqual(['resultBytes']);
  });

  it('warn once, when four fifths of the time have passed', async () => {
    const answer = await run('for (;;);', {}, { timeoutMs: 400 });
    expect(endingOf(answer)).toBe('timed_out/TIMED_OUT');
    expect(warningsOf(answer)).toEqual(['timeoutMs']);
  });

  it('leave a receipt of the kill: who, when, how, and what came back', async () => {
    const answer = await run('globalThis.kept = Buffer.alloc(16e6, 1); for (;;);', {}, { timeoutMs: 500 });
    const { requestedAt, deadAt, ...receipt } = receiptOf(answer);
    expect(receipt).toEqual({ attempt: 1, by: 'deadline', detail: 'the wall-clock limit passed', signal: expect.stringMatching(SIGNALS[tier]), reclaimedMb: expect.any(Number) });
    expect(receipt.reclaimedMb).toBeGreaterThan(15);
    expect(Date.parse(deadAt ?? '')).toBeGreaterThanOrEqual(Date.parse(requestedAt));
  });

  it('leave no receipt where a run ends by itself, asked or not', async () => {
    const interrupt = new AbortController();
    const answer = await rig.run(agent('ctx.log("up"); await new Promise((done) => ctx.signal.addEventListener("abort", done)); return 1'), {
      tier, interrupt, onEvent: () => interrupt.abort('cancelled'),
    });
    expect(answer.outcome).toMatchObject({ kind: 'interrupted', reason: 'cancelled' });
    expect((answer.outcome as AttemptOutcome & { kind: 'interrupted' }).kill).toBeUndefined();
  });
});

describe('an operator\'s kill', () => {
  it.each<Tier>(['basic', 'enhanced', 'strict'])('ends a run in tier %s at once, without the grace of a cancel', async (tier) => {
    const rig = await startRig({ tiers: [tier], graceMs: 60_000 });
    const started = Promise.withResolvers<void>();
    const running = rig.run(agent('ctx.log("up"); for (;;);'), { tier, runId: 'run_wild', onEvent: () => started.resolve() });
    await Promise.race([started.promise, running.then((early) => { throw new Error(`it ended before it began: ${endingOf(early)}`); })]);
    expect(rig.manager.kill({ orgId: 'other', runId: 'run_wild' })).toBeNull();
    expect(rig.manager.kill({ orgId: 'acme', runId: 'run_wild' })).toMatchObject({ orgId: 'acme', runId: 'run_wild' });
    const answer = await running;
    expect(answer.outcome).toMatchObject({ kind: 'interrupted', reason: 'killed', kill: { by: 'operator' } });
    while (rig.manager.snapshot().some(({ containers }) => containers.some(({ state }) => state === 'recycling'))) await new Promise(setImmediate);
    expect(deathsOf(rig.manager)).toEqual({ killed: 1 });
    await rig.stop();
  });

  it('ends a run that has stopped its own process', async () => {
    const rig = await startRig({ tiers: ['strict'] });
    const started = Promise.withResolvers<void>();
    const running = rig.run(agent('ctx.log("stopping"); process.kill(process.pid, "SIGSTOP"); for (;;);'), { tier: 'strict', runId: 'run_stopped', onEvent: () => started.resolve() });
    await Promise.race([started.promise, running.then((early) => { throw new Error(`it ended before it began: ${endingOf(early)}`); })]);
    rig.manager.kill({ orgId: 'acme', runId: 'run_stopped' });
    expect((await running).outcome).toMatchObject({ kind: 'interrupted', reason: 'killed', kill: { by: 'operator', signal: 'SIGKILL', deadAt: expect.any(String) } });
    await rig.stop();
  });

  it('ends a container that nobody uses', async () => {
    const rig = await startRig();
    await rig.run(agent('return 1'));
    const [container] = rig.manager.snapshot().flatMap(({ containers }) => containers);
    expect(rig.manager.kill({ containerId: container?.id ?? '' })).toEqual({ orgId: 'acme', containerId: container?.id, runId: null });
    while (deathsOf(rig.manager)?.killed !== 1) await new Promise(setImmediate);
    await rig.stop();
  });
});

describe('a container', () => {
  it('is replaced when its baseline creeps, before it runs out of memory', async () => {
    const rig = await startRig();
    const leak = 'const kept = []; export default () => { kept.push(new Uint8Array(2e6).fill(1)); return kept.length; };';
    const counts: unknown[] = [];
    for (let i = 0; i < 40; i += 1) counts.push(valueOf(await rig.run(leak)));
    expect(deathsOf(rig.manager)?.leaking).toBeGreaterThanOrEqual(1);
    expect(Math.max(...(counts as number[]))).toBeLessThan(32);
    await rig.stop();
  });

  it('says how it is, and how long its event loop takes to answer', async () => {
    const rig = await startRig();
    const started = Promise.withResolvers<void>();
    const interrupt = new AbortController();
    const running = rig.run(agent('ctx.log("up"); for (;;);'), { interrupt, onEvent: () => started.resolve() });
    await Promise.race([started.promise, running.then((early) => { throw new Error(`it ended before it began: ${endingOf(early)}`); })]);
    const shown = () => rig.manager.snapshot()[0]?.containers[0];
    while ((shown()?.eventLoopDelayMs ?? 0) < 300) await new Promise(setImmediate);
    expect(shown()?.health).toMatchObject({ reason: expect.stringMatching(/event loop/), components: [{ name: 'memoryRatio' }, { name: 'eventLoopDelayMs' }, { name: 'baselineRatio' }] });
    expect(shown()?.health.score).toBeLessThan(100);
    interrupt.abort('cancelled');
    await running;
    await rig.run(agent('await new Promise((done) => setTimeout(done, 300)); return 1'));
    expect(shown()).toMatchObject({ reserveMb: 64, health: { score: 100 } });
    expect(shown()?.eventLoopDelayMs).toBeLessThan(300);
    await rig.stop();
  });
});
