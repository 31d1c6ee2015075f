import { afterAll, beforeAll, describe, expect, it, jest } from '@jest/globals';
import { LIMIT_BOUNDS } from '@bullpen/core';

import { agent, deathsOf, endingOf, interruptOnEvent, requestFor, startRig, valueOf, type Rig } from './runtime-rig.ts';

jest.setTimeout(120_000); // a machine short of CPU starts a thread in seconds

describe('an attempt in a basic container', () => {
  let rig: Rig;
  beforeAll(async () => { rig = await startRig(); });
  afterAll(async () => { await rig.stop(); });

  it('calls a function or an object with run(), with the input and the facts of the run', async () => {
    const facts = agent('return { input, run: ctx.run, attempt: ctx.attempt, left: ctx.deadline - Date.now() }');
    const answer = await rig.run(facts, { input: { rows: [1, 'é'] }, runId: 'run_x', version: 7, attempt: 3, metadata: { from: 'test' } });
    expect(valueOf(answer)).toMatchObject({
      input: { rows: [1, 'é'] }, attempt: 3, run: { id: 'run_x', orgId: 'acme', agent: 'agent', version: 7, metadata: { from: 'test' } },
    });
    expect((valueOf(answer) as { left: number }).left).toBeGreaterThan(0);
    expect(answer.startedCount).toBe(1);
    expect(valueOf(await rig.run('export default { name: "it", run(input) { return [this.name, input]; } };', { input: 5 }))).toEqual(['it', 5]);
  });

  it('sees none of the environment of the worker', async () => {
    expect(valueOf(await rig.run(agent('return { ...process.env }')))).toEqual({});
  });

  it('returns null for undefined, and awaits a thenable', async () => {
    expect(valueOf(await rig.run(agent('')))).toBeNull();
    expect(valueOf(await rig.run('export default () => ({ then(done) { done("waited"); } });'))).toBe('waited');
  });

  it('measures what it used from outside', async () => {
    const busy = agent(`
      const spentMs = () => process.threadCpuUsage().user / 1000;
      const until = spentMs() + 100;
      while (spentMs() < until);
      globalThis.kept = Buffer.alloc(8e6);`);
    const { outcome } = await rig.run(busy);
    expect(outcome.usage.wallMs).toBeGreaterThanOrEqual(99);
    expect(outcome.usage.cpuMs).toBeGreaterThan(90);
    expect(outcome.usage.cpuMs).toBeLessThan(outcome.usage.wallMs * 1.5);
    expect(outcome.usage.peakHeapMb).toBeGreaterThan(3);
    expect(outcome.usage.peakExternalMb).toBeGreaterThan(7);
    expect(outcome.usage.gbSeconds).toBeCloseTo((64 / 1024) * (outcome.usage.wallMs / 1000), 6);
  });

  it('keeps a container warm from run to run, for a plain throw too', async () => {
    const counter = 'let calls = 0; export default (input) => { calls += 1; if (input === "throw") throw new Error("no"); return calls; };';
    expect(valueOf(await rig.run(counter, { orgId: 'warm' }))).toBe(1);
    expect(endingOf(await rig.run(counter, { orgId: 'warm', input: 'throw' }))).toBe('failed/AGENT_THREW');
    expect(valueOf(await rig.run(counter, { orgId: 'warm' }))).toBe(3);
    expect(deathsOf(rig.manager, 'warm')).toEqual({});
  });

  it('names the frames of the agent in the stack, and nothing of this machine', async () => {
    const { outcome } = await rig.run('function deep() {\n  throw new TypeError("here");\n}\nexport default async () => deep();');
    if (outcome.kind !== 'failed') throw new Error('it did not fail');
    expect(outcome).toMatchObject({ retryable: true, error: { code: 'AGENT_THREW', message: 'TypeError: here' } });
    expect(outcome.error.stack).toMatch(/^TypeError: here\n {4}at deep \(bundle\.mjs:2:9\)/);
    expect(outcome.error.stack).not.toMatch(/node:|entry\.mjs|file:/);
  });

  it.each([
    ['does not parse', 'export default ('],
    ['throws at its top level', 'throw new Error("top");'],
    ['rejects at its top level', 'await Promise.reject(null); export default () => 1;'],
    ['exports no agent', 'export const run = () => 1;'],
    ['imports what is not there', 'import "no-such-package"; export default () => 1;'],
  ])('fails for good when the bundle %s', async (_, bundle) => {
    const answer = await rig.run(bundle);
    expect(endingOf(answer)).toBe('failed/BUNDLE_LOAD_FAILED');
    expect(answer).toMatchObject({ startedCount: 0, outcome: { retryable: false } });
  });

  it('counts the loading of the bundle against the deadline', async () => {
    expect(endingOf(await rig.run('await new Promise(() => setInterval(() => {}, 1000)); export default () => 1;', { timeoutMs: 100 }))).toBe('timed_out/TIMED_OUT');
  });

  it('fails with what happened outside of the call, while it runs', async () => {
    expect(endingOf(await rig.run(agent('setTimeout(() => { throw new Error("timer"); }, 5); await new Promise(() => {});')))).toBe('failed/AGENT_THREW');
    const { outcome } = await rig.run(agent('Promise.reject(new Error("nobody caught")); await new Promise(() => setInterval(() => {}, 1000));'));
    expect(outcome).toMatchObject({ kind: 'failed', error: { code: 'AGENT_THREW', message: 'nobody caught' } });
  });

  it.each(['enhanced', 'strict'] as const)('is refused in tier %s, never run behind a weaker wall', async (tier) => {
    const answer = await rig.run(agent('return 1'), { tier });
    expect(endingOf(answer)).toBe('failed/TIER_UNAVAILABLE');
    expect(answer).toMatchObject({ startedCount: 0, outcome: { retryable: false } });
  });

  it('does not begin with an admission of another size, organization or attempt', async () => {
    const request = requestFor(agent('return 1'));
    const sink = { started: () => undefined, event: () => undefined };
    const { manager } = rig;
    const before = manager.freeSlots();
    for (const [orgId, memoryMb] of [['acme', 32], ['other', 64]] as const) {
      const admission = manager.admit(orgId, memoryMb);
      if (admission === null) throw new Error('not admitted');
      expect(await manager.execute(admission, request, sink, new AbortController().signal)).toMatchObject({ kind: 'failed', error: { code: 'INTERNAL' } });
    }
    expect(manager.freeSlots()).toBe(before);
  });

  it('runs in the smallest container there is, and is refused below, where V8 would abort the process', async () => {
    const { min } = LIMIT_BOUNDS.memoryMb;
    expect(valueOf(await rig.run(agent('return "small"'), { memoryMb: min }))).toBe('small');
    expect(endingOf(await rig.run(agent('const all = []; for (;;) all.push({})'), { memoryMb: min }))).toBe('out_of_memory/OUT_OF_MEMORY');
    const answer = await rig.run(agent('return 1'), { memoryMb: 1 });
    expect(endingOf(answer)).toBe('failed/LIMIT_EXCEEDED');
    expect(answer).toMatchObject({ startedCount: 0, outcome: { retryable: false } });
  });

  it('survives a sink that throws', async () => {
    const onEvent = () => { throw new Error('sink'); };
    expect(valueOf(await rig.run(agent('ctx.log("x"); return 1'), { onEvent, onStarted: onEvent }))).toBe(1);
  });
});

describe('an attempt that is interrupted', () => {
  let rig: Rig;
  let strictRig: Rig;
  beforeAll(async () => {
    rig = await startRig({ graceMs: 60_000 });
    strictRig = await startRig({ graceMs: 50 });
  });
  afterAll(async () => {
    await rig.stop();
    await strictRig.stop();
  });

  it.each(['cancelled', 'shutdown', 'lease_lost'] as const)('may finish in the grace, and is %s even so', async (reason) => {
    const polite = agent('const t = setInterval(() => {}, 1000); ctx.log("ready"); await new Promise((done) => ctx.signal.addEventListener("abort", done)); clearInterval(t); ctx.log(ctx.signal.reason.reason); return "done"');
    const answer = await rig.run(polite, interruptOnEvent(reason));
    expect(answer.outcome).toMatchObject({ kind: 'interrupted', reason });
    expect(answer.events.at(-1)).toMatchObject({ message: reason });
    expect(deathsOf(rig.manager)).toEqual({});
  });

  it('is killed after the grace when it does not listen', async () => {
    const { outcome } = await strictRig.run(agent('ctx.log("ready"); for (;;);'), interruptOnEvent('cancelled'));
    expect(outcome).toMatchObject({ kind: 'interrupted', reason: 'cancelled' });
    expect(outcome.usage.cpuMs).toBeGreaterThan(0);
    expect(deathsOf(strictRig.manager)).toEqual({ cancelled: 1 });
  });

  it('does not begin when the interruption came first', async () => {
    const interrupt = new AbortController();
    interrupt.abort('lease_lost');
    const answer = await rig.run(agent('return 1'), { orgId: 'early', interrupt });
    expect(answer).toMatchObject({ startedCount: 0, outcome: { kind: 'interrupted', reason: 'lease_lost' } });
  });

  it('stops waiting for a bundle that does not come', async () => {
    const interrupt = new AbortController();
    const stuck = await startRig({ bundles: { load: () => { interrupt.abort('cancelled'); return new Promise(() => undefined); } } });
    expect((await stuck.run(agent('return 1'), { interrupt })).outcome).toMatchObject({ kind: 'interrupted', reason: 'cancelled' });
    expect(stuck.manager.freeSlots()).toBe(16);
    await stuck.stop();
  });
});
