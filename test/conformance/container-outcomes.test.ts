import { afterAll, beforeAll, describe, expect, it, jest } from '@jest/globals';
import { LIMIT_BOUNDS, SIZE_CAPS, TIERS, type Tier } from '@bullpen/core';

import { requireProgram } from '../services/programs.ts';
import { agent, deathsOf, endingOf, interruptOnEvent, requestFor, startRig, valueOf, type Rig } from '../integration/runtime-rig.ts';

jest.setTimeout(120_000); // a machine short of CPU starts a thread in seconds

/** The same sentences for the containers of every tier, and the same bundles. */
const othersOf = (tier: Tier) => TIERS.filter((other) => other !== tier);

describe.each(TIERS)('an attempt in tier %s', (tier) => {
  let rig: Rig;
  beforeAll(async () => {
    requireProgram('bubblewrap');
    rig = await startRig({ tiers: [tier] });
    const built = rig.manager.isolation()?.tiers.find((one) => one.tier === tier);
    expect(built?.achieved).toBe(built?.target); // behind the whole wall, not a weaker one
  });
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

  it.each([
    ['', ''],
    [', whatever the agent makes of what would tell', `
      const { createRequire, syncBuiltinESMExports } = await import('node:module');
      const none = () => ({ user: 0, system: 0, used_heap_size: 0, external_memory: 0 });
      createRequire(import.meta.url)('node:v8').getHeapStatistics = none;
      syncBuiltinESMExports();
      process.threadCpuUsage = none;
      process.cpuUsage = none;
      Object.defineProperty(Object.prototype, 'used_heap_size', { get: () => 0, set() {}, configurable: true });
      Float64Array.prototype.set = () => undefined;`],
  ])('measures what it used%s', async (_, forgery) => {
    const busy = agent(`
      const { threadCpuUsage } = process;
      ${forgery}
      const spentMs = () => threadCpuUsage.call(process).user / 1000;
      const until = spentMs() + 100;
      while (spentMs() < until);
      globalThis.kept = Buffer.alloc(8e6, 1);`);
    const { outcome } = await rig.run(busy);
    expect(outcome.usage.wallMs).toBeGreaterThanOrEqual(99);
    expect(outcome.usage.cpuMs).toBeGreaterThan(90);
    expect(outcome.usage.cpuMs).toBeLessThan(outcome.usage.wallMs * 2.5);
    expect(outcome.usage.peakHeapMb + outcome.usage.peakExternalMb).toBeGreaterThan(tier === 'strict' ? 7 : 10);
    expect(outcome.usage.gbSeconds).toBeCloseTo((64 / 1024) * (outcome.usage.wallMs / 1000), 6);
  });

  it(`${tier === 'strict' ? 'has a container of its own' : 'keeps a container warm'} from run to run, for a plain throw too`, async () => {
    const counter = 'let calls = 0; export default (input) => { calls += 1; if (input === "throw") throw new Error("no"); return calls; };';
    expect(valueOf(await rig.run(counter, { orgId: 'warm' }))).toBe(1);
    expect(endingOf(await rig.run(counter, { orgId: 'warm', input: 'throw' }))).toBe('failed/AGENT_THREW');
    expect(valueOf(await rig.run(counter, { orgId: 'warm' }))).toBe(tier === 'strict' ? 1 : 3);
    if (tier !== 'strict') expect(deathsOf(rig.manager, 'warm')).toEqual({});
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

  it.each(othersOf(tier))('is refused in tier %s where that is not built, never run behind another wall', async (other) => {
    const answer = await rig.run(agent('return 1'), { tier: other });
    expect(endingOf(answer)).toBe('failed/TIER_UNAVAILABLE');
    expect(answer).toMatchObject({ startedCount: 0, outcome: { retryable: false } });
  });

  it('does not begin with an admission of another size, organization or attempt', async () => {
    const request = requestFor(agent('return 1'), { tier });
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

  it('runs in the smallest container there is, and is refused below', async () => {
    const { min } = LIMIT_BOUNDS.memoryMb;
    expect(valueOf(await rig.run(agent('return "small"'), { memoryMb: min }))).toBe('small');
    expect(endingOf(await rig.run(agent('const all = []; for (;;) all.push({})'), { memoryMb: min }))).toBe('out_of_memory/OUT_OF_MEMORY');
    const answer = await rig.run(agent('return 1'), { memoryMb: 1 });
    expect(endingOf(answer)).toBe('failed/LIMIT_EXCEEDED');
    expect(answer).toMatchObject({ startedCount: 0, outcome: { retryable: false } });
  });

  it('carries an input and a result of the largest size', async () => {
    const input = 'é'.repeat(SIZE_CAPS.resultBytes / 2 - 2);
    const carry = () => rig.run(agent('return input'), { input });
    const first = await carry();
    // The cell that the bomb of the test before ended may take it along, and it is given back: as a worker does, again.
    const isLost = first.outcome.kind === 'interrupted' && first.outcome.reason === 'cell_lost';
    expect(valueOf(isLost ? await carry() : first)).toBe(input);
  });

  it.each([
    ['process.exit', agent('process.exit(3)'), 'crashed/AGENT_EXITED'],
    ['a full heap', agent('const all = []; for (;;) all.push({ a: 1 });'), 'out_of_memory/OUT_OF_MEMORY'],
    ['buffers', agent('const all = []; for (;;) { all.push(Buffer.alloc(1 << 20, 1)); await new Promise((done) => setTimeout(done, 1)); }'), 'out_of_memory/OUT_OF_MEMORY'],
    ['a result too large', agent(`return "x".repeat(${SIZE_CAPS.resultBytes})`), 'failed/RESULT_TOO_LARGE'],
    ['a result nested too deep', agent('let a = 1; for (let i = 0; i < 1000; i += 1) a = [a]; return a'), 'failed/RESULT_NOT_STORABLE'],
    ['a cyclic result', agent('const a = {}; a.a = a; return a'), 'failed/RESULT_NOT_SERIALIZABLE'],
    ['throw null', agent('throw null'), 'failed/AGENT_THREW'],
  ])('ends with a code of its own for %s', async (_, bundle, ending) => {
    expect(endingOf(await rig.run(bundle))).toBe(ending);
    expect(valueOf(await rig.run(agent('return "next"')))).toBe('next');
  });

  it.each([
    ['an endless loop', 'for (;;);'],
    ['endless microtasks', 'await new Promise(() => { (function on() { Promise.resolve().then(on); })(); });'],
    ['Atomics.wait', 'Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0)'],
    ['a thenable that never settles', 'return { then() {} }'],
  ])('is killed at its deadline in %s', async (_, body) => {
    expect(endingOf(await rig.run(agent(body), { timeoutMs: 300 }))).toBe('timed_out/TIMED_OUT');
  });

  it.each([
    ['a timer that throws', 'setTimeout(() => { throw new Error("left"); }, 2); return 1'],
    ['a rejection at once', 'Promise.reject(new Error("left")); return 1'],
    ['endless microtasks', '(function on() { Promise.resolve().then(on); })(); return 1'],
    ['an interval', 'setInterval(() => {}, 1); return 1'],
    ['poisoned builtins', 'JSON.stringify = () => "poisoned"; Array.prototype.push = () => { throw 1; }; return 1'],
  ])('leaves %s behind, and the runs after it are not hurt', async (name, body) => {
    const orgId = `left-${name.replaceAll(' ', '-')}`;
    expect(valueOf(await rig.run(agent(body), { orgId }))).toBe(1);
    const after = agent('await new Promise((done) => setTimeout(done, 20)); return "unhurt"');
    for (let i = 0; i < 3; i += 1) expect(valueOf(await rig.run(after, { orgId }))).toBe('unhurt');
  });

  it('survives a sink that throws', async () => {
    const onEvent = () => { throw new Error('sink'); };
    expect(valueOf(await rig.run(agent('ctx.log("x"); return 1'), { onEvent, onStarted: onEvent }))).toBe(1);
  });
});

describe.each(TIERS)('an attempt in tier %s that is interrupted', (tier) => {
  let patient: Rig;
  let hasty: Rig;
  beforeAll(async () => {
    patient = await startRig({ tiers: [tier], graceMs: 60_000 });
    hasty = await startRig({ tiers: [tier], graceMs: 50 });
  });
  afterAll(async () => {
    await patient.stop();
    await hasty.stop();
  });

  it.each(['cancelled', 'shutdown', 'lease_lost'] as const)('may finish in the grace, and is %s even so', async (reason) => {
    const polite = agent('const t = setInterval(() => {}, 1000); ctx.log("ready"); await new Promise((done) => ctx.signal.addEventListener("abort", done)); clearInterval(t); ctx.log(ctx.signal.reason.reason); return "done"');
    const answer = await patient.run(polite, interruptOnEvent(reason));
    expect(answer.outcome).toMatchObject({ kind: 'interrupted', reason });
    expect(answer.events.at(-1)).toMatchObject({ message: reason });
    if (tier !== 'strict') expect(deathsOf(patient.manager)).toEqual({});
  });

  it('is killed after the grace when it does not listen', async () => {
    const { outcome } = await hasty.run(agent('ctx.log("ready"); for (;;);'), interruptOnEvent('cancelled'));
    expect(outcome).toMatchObject({ kind: 'interrupted', reason: 'cancelled' });
    expect(outcome.usage.cpuMs).toBeGreaterThan(0);
    expect(deathsOf(hasty.manager)).toEqual({ cancelled: 1 });
  });

  it('does not begin when the interruption came first', async () => {
    const interrupt = new AbortController();
    interrupt.abort('lease_lost');
    const answer = await patient.run(agent('return 1'), { orgId: 'early', interrupt });
    expect(answer).toMatchObject({ startedCount: 0, outcome: { kind: 'interrupted', reason: 'lease_lost' } });
  });

  it('stops waiting for a bundle that does not come', async () => {
    const interrupt = new AbortController();
    const stuck = await startRig({ tiers: [tier], bundles: { load: () => { interrupt.abort('cancelled'); return new Promise(() => undefined); } } });
    expect((await stuck.run(agent('return 1'), { interrupt })).outcome).toMatchObject({ kind: 'interrupted', reason: 'cancelled' });
    expect(stuck.manager.freeSlots()).toBe(16);
    await stuck.stop();
  });
});
