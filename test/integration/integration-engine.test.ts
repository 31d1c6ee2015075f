import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { AVAILABLE_TIERS, Deadline, type Tier } from '@bullpen/core';
import { createEmbeddedRuntime, type EmbeddedRuntime } from '@bullpen/embedded';
import { defineAgent } from '@bullpen/sdk';
import {
  RuntimeIntegratedExecutionEngine, httpBackend, isRamped, type ExecutionEngine, type RuntimeBackend, type ShadowReport,
} from '@bullpen/sdk/integration';
import { createTestRuntime } from '@bullpen/sdk/testing';

import { requireProgram } from '../services/programs.ts';
import { ADMIN_KEY, deploy, startSystem, type RunningSystem } from '../system/running-system.ts';

/** The product's engine of before: knows agents by objects of its own, and everything else by its input. */
class OldEngine implements ExecutionEngine {
  readonly asked: unknown[] = [];

  async executeAgent(agent: unknown, { input }: { input?: unknown }) {
    this.asked.push(agent);
    const { n = 0, wrong = false } = (input ?? {}) as { n?: number; wrong?: boolean };
    if (wrong) throw new RangeError('the old engine does not like this');
    return { result: { doubled: n * 2 }, usage: { cpuMs: 1 }, logs: [{ level: 'info' as const, message: 'in the old engine' }] };
  }
}

const DOUBLER = 'async (input, ctx) => { ctx.log("in the runtime", { n: input.n }); return { doubled: input.n * 2 + (input.off ?? 0) } }';

const inputOf = (n: number, more = {}) => ({ n, ...more });

/** Both ways to have a runtime: the same sentences. */
describe.each(['over HTTP', 'embedded'])('agents executed %s', (way) => {
  let system: RunningSystem;
  let embedded: EmbeddedRuntime;
  let runtime: RuntimeBackend;
  const isEmbedded = way === 'embedded';

  beforeAll(async () => {
    requireProgram('bubblewrap');
    if (isEmbedded) {
      embedded = createEmbeddedRuntime({ agents: { doubler: { module: `export default { run: ${DOUBLER} };` } }, readSecret: () => null });
      await embedded.start();
      runtime = embedded;
      return;
    }
    system = await startSystem({ queue: 'redis', workers: 1 });
    await deploy(await system.organization('acme'), 'doubler', DOUBLER);
    runtime = httpBackend({ baseUrl: system.apis[0]?.url() as string, apiKey: ADMIN_KEY });
  });
  afterAll(async () => { await (isEmbedded ? embedded.stop(Deadline.in(5000)) : system.stop()); });

  const engineWith = (options: Partial<ConstructorParameters<typeof RuntimeIntegratedExecutionEngine>[0]> = {}) =>
    new RuntimeIntegratedExecutionEngine({ runtime, defaults: { orgId: 'acme', tier: 'basic' }, ...options });

  it.each(AVAILABLE_TIERS as Tier[])('runs a deployed agent in tier %s, in the one shape', async (tier) => {
    const done = await engineWith().executeAgent<{ doubled: number }>('doubler', { input: inputOf(21), tier });
    expect(done).toMatchObject({
      state: 'succeeded', result: { doubled: 42 }, error: null, executedBy: 'runtime', reason: 'runtime', fallback: null, tier, version: 1, attempts: 1,
      logs: [{ level: 'info', message: 'in the runtime', fields: { n: 21 } }],
    });
    expect(done.usage?.wallMs).toBeGreaterThan(0);
    expect(done.runId).toMatch(/^run_/);
  });

  it('runs inline code, a whole module, and steps', async () => {
    const engine = engineWith();
    const inline = { name: 'inline', code: 'async ({ n }) => n + 1', manifest: { timeoutMs: 5000 } };
    expect(await engine.executeAgent(inline, { input: inputOf(1) })).toMatchObject({ state: 'succeeded', result: 2 });
    expect(await engine.executeAgent({ name: 'whole', module: 'const by = 10;\nexport default async ({ n }) => n * by;' }, { input: inputOf(2) })).toMatchObject({ result: 20 });
    const steps = [{ name: 'add', code: '({ n }) => n + 1' }, { name: 'square', code: 'async (n, ctx) => { ctx.log(`of ${n}`); return n * n }' }];
    const stepped = await engine.executeAgent({ name: 'stepped', steps }, { input: inputOf(2) });
    expect(stepped).toMatchObject({ result: 9, logs: [{ message: 'of 3' }] });
    expect(stepped.events.flatMap(({ event }): (string | number)[] => (event.type === 'span' ? [event.name] : event.type === 'progress' ? [event.fraction] : []))).toEqual([0, 'add', 0.5, 'square', 1]);
    const again = await engine.executeAgent({ name: 'stepped', steps }, { input: inputOf(3) });
    expect([again.result, again.version]).toEqual([16, stepped.version]);
  });

  it('tells how a run failed as a result, and what could not be executed as an error', async () => {
    const engine = engineWith();
    const thrown = await engine.executeAgent({ name: 'throws', code: '() => { throw new TypeError("no") }' });
    expect(thrown).toMatchObject({ state: 'failed', result: null, error: { code: 'AGENT_THREW', message: 'TypeError: no' }, executedBy: 'runtime' });
    const late = await engine.executeAgent({ name: 'late', code: '() => new Promise(() => {})' }, { timeoutMs: 100 });
    expect(late).toMatchObject({ state: 'timed_out', error: { code: 'TIMED_OUT' } });
    await expect(engine.executeAgent('nobody')).rejects.toMatchObject({ code: 'AGENT_NOT_FOUND' });
    await expect(engine.executeAgent({ made: 'of something else' })).rejects.toMatchObject({ code: 'INVALID_REQUEST' });
    await expect(engine.executeAgent('doubler', { input: inputOf(1), timeoutMs: 1 })).rejects.toMatchObject({ code: 'INVALID_REQUEST' });
  });

  it('tells events as they come, and cancels at the signal', async () => {
    const abort = new AbortController();
    const heard: string[] = [];
    const waiting = engineWith().executeAgent({ name: 'waits', code: '(_, ctx) => { ctx.log("here"); return new Promise(() => {}) }' }, {
      timeoutMs: 60_000, signal: abort.signal,
      onEvent: ({ event }) => {
        heard.push(event.type);
        abort.abort(new Error('the user left'));
      },
    });
    await expect(waiting).rejects.toThrow('the user left');
    expect(heard).toEqual(['log']);
  });

  it('goes on to its end where who listens throws', async () => {
    const answer = await engineWith().executeAgent({ name: 'tells', code: '(_, ctx) => { ctx.log("here"); return 1 }' }, { onEvent: () => { throw new Error('of the listener'); } });
    expect(answer).toMatchObject({ state: 'succeeded', result: 1, logs: [{ message: 'here' }] });
  });

  it('executes once under one idempotency key', async () => {
    const engine = engineWith();
    const once = { input: inputOf(5), idempotencyKey: 'order-4711' };
    const [one, other] = await Promise.all([engine.executeAgent('doubler', once), engine.executeAgent('doubler', once)]);
    expect([one.result, other.runId]).toEqual([{ doubled: 10 }, one.runId]);
    await expect(engine.executeAgent('doubler', { ...once, input: inputOf(6) })).rejects.toMatchObject({ code: 'IDEMPOTENCY_KEY_REUSED' });
  });

  describe('beside an existing engine', () => {
    it('leaves to it what only it understands', async () => {
      const existing = new OldEngine();
      const engine = engineWith({ existing });
      const agent = { flow: ['of', 'old'] };
      expect(await engine.executeAgent(agent, { input: inputOf(1) })).toMatchObject({
        state: 'succeeded', result: { doubled: 2 }, executedBy: 'existing', reason: 'foreign', runId: null, logs: [{ message: 'in the old engine', at: null }], usage: { cpuMs: 1 },
      });
      expect(existing.asked).toEqual([agent]);
      expect(engine.counts()).toMatchObject({ runtime: 0, existing: { foreign: 1 } });
    });

    it('falls back to it with the declared codes and no others, and counts', async () => {
      const existing = new OldEngine();
      const told: unknown[] = [];
      const engine = engineWith({ existing, fallback: { onFallback: (fallback) => { told.push(fallback); throw new Error('of the metrics'); } } });
      expect(await engine.executeAgent('nobody', { input: inputOf(4) })).toMatchObject({
        result: { doubled: 8 }, executedBy: 'existing', reason: 'fallback', fallback: { code: 'AGENT_NOT_FOUND' },
      });
      // A run that was executed and failed is not executed a second time.
      expect(await engine.executeAgent({ name: 'throws', code: '() => { throw new Error("no") }' })).toMatchObject({ executedBy: 'runtime', state: 'failed' });
      expect(existing.asked).toEqual(['nobody']);
      expect(told).toMatchObject([{ agent: 'nobody', orgId: 'acme', code: 'AGENT_NOT_FOUND' }]);
      expect(engine.counts()).toMatchObject({ runtime: 1, existing: { fallback: 1 }, fallbacks: { AGENT_NOT_FOUND: 1 } });
      const brave = engineWith({ existing, fallback: { codes: ['TIMED_OUT'] } });
      expect(await brave.executeAgent({ name: 'late', code: '() => new Promise(() => {})' }, { timeoutMs: 50, input: inputOf(1) })).toMatchObject({ executedBy: 'existing', fallback: { code: 'TIMED_OUT' } });
      await expect(brave.executeAgent('nobody')).rejects.toMatchObject({ code: 'AGENT_NOT_FOUND' });
      await expect(engineWith({ existing, fallback: false }).executeAgent('nobody')).rejects.toMatchObject({ code: 'AGENT_NOT_FOUND' });
    });

    it('ramps by organization, the same ones each time, and more of them as the share grows', async () => {
      const engine = engineWith({ existing: new OldEngine(), ramp: { percent: 50, keyOf: ({ metadata }) => metadata?.['team'] ?? '' } });
      const teams = ['a', 'b', 'c', 'd', 'e', 'f'];
      const way = async (team: string) => (await engine.executeAgent('doubler', { input: inputOf(1), metadata: { team } })).executedBy;
      const first = await Promise.all(teams.map(way));
      expect(await Promise.all(teams.map(way))).toEqual(first);
      expect(new Set(first)).toEqual(new Set(['runtime', 'existing']));
      const { runtime: ours, existing } = engine.counts();
      expect(ours + existing.ramp).toBe(12);
    });

    it('shadows: the caller has the old result, the runtime\'s is compared and reported', async () => {
      const reports: ShadowReport[] = [];
      const engine = engineWith({ existing: new OldEngine(), ramp: { percent: 0 }, shadow: { onReport: (report) => reports.push(report) } });
      expect(await engine.executeAgent('doubler', { input: inputOf(3) })).toMatchObject({ result: { doubled: 6 }, executedBy: 'existing', reason: 'ramp' });
      expect(await engine.executeAgent('doubler', { input: inputOf(3, { off: 1 }) })).toMatchObject({ result: { doubled: 6 } });
      expect(await engine.executeAgent('doubler', { input: inputOf(3, { wrong: true }) })).toMatchObject({ state: 'failed', error: { code: 'AGENT_THREW' } });
      expect(await engine.executeAgent('nobody', { input: inputOf(3) })).toMatchObject({ result: { doubled: 6 } });
      await engine.settled();
      const byKind = Object.groupBy(reports, ({ kind }) => kind);
      expect(byKind.same).toHaveLength(1);
      expect(byKind.different?.flatMap(({ differences }) => differences)).toEqual(expect.arrayContaining([
        { path: 'result.doubled', existing: 6, runtime: 7 }, { path: 'state', existing: 'failed', runtime: 'succeeded' },
      ]));
      expect(byKind.failed).toMatchObject([{ agent: 'nobody', error: { code: 'AGENT_NOT_FOUND' }, runtime: null }]);
      expect(engine.counts()).toMatchObject({ runtime: 0, existing: { ramp: 4 }, shadows: { same: 1, different: 2, failed: 1, skipped: 0 } });
    });
  });
});

describe('a shadow', () => {
  /** A backend that hangs, counts, and notes what it was given. */
  function hanging() {
    const inputs: unknown[] = [];
    const released = Promise.withResolvers<never>();
    const backend: RuntimeBackend = { execute: (_agent, { request }) => { inputs.push(request.input); return released.promise; } };
    return { backend, inputs, release: () => released.reject(new Error('gone')) };
  }

  it('never holds up the caller, and there are never more at once than asked for', async () => {
    const { backend, inputs, release } = hanging();
    const engine = new RuntimeIntegratedExecutionEngine({ runtime: backend, existing: new OldEngine(), ramp: { percent: 0 }, shadow: { maxInFlight: 2 } });
    for (let n = 0; n < 5; n += 1) expect(await engine.executeAgent('doubler', { input: inputOf(n) })).toMatchObject({ result: { doubled: n * 2 } });
    expect(engine.counts().shadows.skipped).toBe(3);
    release();
    await engine.settled();
    expect(inputs).toEqual([inputOf(0), inputOf(1)]);
    expect(engine.counts().shadows).toEqual({ same: 0, different: 0, failed: 2, skipped: 3 });
  });

  it('that cannot be compared is counted and reported with the reason', async () => {
    const ended = await createTestRuntime().run(defineAgent<null, number>({ name: 'doubler', run: () => 1 }), null);
    const runtime: RuntimeBackend = { execute: async () => ended };
    const reports: ShadowReport[] = [];
    const shadow = { onReport: async (report: ShadowReport) => { reports.push(report); throw new Error('of the reporter'); } };
    const bigint = new RuntimeIntegratedExecutionEngine({ runtime, existing: { executeAgent: async () => ({ result: 1n }) }, ramp: { percent: 0 }, shadow });
    expect(await bigint.executeAgent('doubler')).toMatchObject({ result: 1n, executedBy: 'existing' });
    const throwing = new RuntimeIntegratedExecutionEngine({ runtime, existing: { executeAgent: () => { throw new Error('old and broken'); } }, ramp: { percent: 0 }, shadow: { ...shadow, compare: () => { throw new Error('no way to compare'); } } });
    expect(await throwing.executeAgent('doubler')).toMatchObject({ state: 'failed', error: { code: 'AGENT_THREW', message: 'old and broken' } });
    await Promise.all([bigint.settled(), throwing.settled()]);
    expect(reports).toMatchObject([{ kind: 'failed', error: { message: expect.stringContaining('BigInt') } }, { kind: 'failed', error: { message: 'no way to compare' }, runtime: { state: 'succeeded', result: 1 } }]);
    expect([bigint.counts().shadows.failed, throwing.counts().shadows.failed]).toEqual([1, 1]);
  });

  it('sees the input as it was, whatever the old engine does with it, and none that JSON cannot hold', async () => {
    const seen: unknown[] = [];
    const runtime: RuntimeBackend = { execute: async (_agent, { request }) => { seen.push(request.input); throw new Error('no matter'); } };
    const existing: ExecutionEngine = { executeAgent: async (_agent, { input }) => { (input as { list: number[] }).list.push(99); return {}; } };
    const engine = new RuntimeIntegratedExecutionEngine({ runtime, existing, ramp: { percent: 0 }, shadow: { onReport: () => { throw new Error('of the reporter'); } } });
    await engine.executeAgent('doubler', { input: { list: [1] } });
    const cyclic: { list: number[]; self?: unknown } = { list: [] };
    cyclic.self = cyclic;
    await engine.executeAgent('doubler', { input: cyclic });
    await engine.settled();
    expect(seen).toEqual([{ list: [1] }]);
    expect(engine.counts().shadows).toMatchObject({ failed: 1, skipped: 1 });
  });
});

describe('the ramp', () => {
  it('takes about its share, and whom it took it keeps when it grows', () => {
    const keys = Array.from({ length: 10_000 }, (_, i) => `org-${i}`);
    let before = new Set<string>();
    for (const percent of [0, 1, 10, 50, 99.5, 100]) {
      const now = new Set(keys.filter((key) => isRamped({ percent }, key)));
      expect([...before].every((key) => now.has(key))).toBe(true);
      expect(Math.abs(now.size - percent * 100)).toBeLessThanOrEqual(200);
      before = now;
    }
    expect(isRamped({ percent: 100 }, '')).toBe(true);
  });

  it('is refused without an existing engine', () => {
    expect(() => new RuntimeIntegratedExecutionEngine({ runtime: { execute: async () => { throw new Error(); } }, ramp: { percent: 5 } })).toThrow(/existing engine/);
  });
});

describe('an API that is not there', () => {
  it('is no harm to a product with a fallback', async () => {
    const existing = new OldEngine();
    const runtime = httpBackend({ baseUrl: 'http://127.0.0.1:1', apiKey: 'key', retries: 0 });
    const engine = new RuntimeIntegratedExecutionEngine({ runtime, existing });
    expect(await engine.executeAgent('doubler', { input: inputOf(2) })).toMatchObject({ result: { doubled: 4 }, fallback: { code: 'API_UNREACHABLE' } });
    await expect(new RuntimeIntegratedExecutionEngine({ runtime }).executeAgent('doubler')).rejects.toMatchObject({ code: 'API_UNREACHABLE' });
  });
});

describe('a runtime without a free worker', () => {
  it('is passed over when a run did not start in time', async () => {
    const system = await startSystem({ queue: 'redis', workers: 0 });
    try {
      await deploy(await system.organization('acme'), 'doubler', DOUBLER);
      const runtime = httpBackend({ baseUrl: system.apis[0]?.url() as string, apiKey: async () => ADMIN_KEY });
      const perOrg = httpBackend({ baseUrl: system.apis[0]?.url() as string, apiKey: ADMIN_KEY });
      const engine = new RuntimeIntegratedExecutionEngine({ runtime: perOrg, existing: new OldEngine(), fallback: { startWithinMs: 50 }, defaults: { orgId: 'acme' } });
      const executing = engine.executeAgent('doubler', { input: inputOf(2) });
      await system.startWorker();
      expect(await executing).toMatchObject({ result: { doubled: 4 }, executedBy: 'existing', fallback: { code: 'EXPIRED' } });
      // A key of the organization by a function: an admin's key without an organization is refused.
      await expect(new RuntimeIntegratedExecutionEngine({ runtime }).executeAgent('doubler')).rejects.toMatchObject({ code: 'INVALID_REQUEST' });
    } finally {
      await system.stop();
    }
  });
});
