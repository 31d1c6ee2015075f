import { afterEach, describe, expect, it, jest } from '@jest/globals';
import { organizationRuntimeSnapshotSchema, type ContainerDeath, type ContainerState } from '@bullpen/core';
import type { Admission, ContainerPlan, RuntimeContainer } from '@bullpen/runtime';

import { agent, deathsOf, endingOf, requestFor, sha256Of, startRig, valueOf, type Rig } from './runtime-rig.ts';

jest.setTimeout(120_000); // a machine short of CPU starts a thread in seconds

const ECHO = agent('return input');
const SOON = agent('await new Promise((done) => setTimeout(done, 10)); return input');
const LOOP = agent('for (;;);');
const silentSink = { started: () => undefined, event: () => undefined };
const never = new AbortController().signal;

const containersOf = (rig: Rig) => rig.manager.snapshot().flatMap(({ containers }) => containers);

/** Deploys for the source what `execute` will ask for. */
function deploy(rig: Rig, orgId: string, ...bundles: string[]): void {
  for (const bundle of bundles) rig.bundles.set(`${orgId}/${sha256Of(bundle)}`, bundle);
}

/** A container without a thread, which starts when the test says so. */
function slowToStart({ orgId, limitMb }: ContainerPlan, onStart: () => void, started: Promise<void>): RuntimeContainer {
  const gone = Promise.withResolvers<void>();
  const usage = { wallMs: 1, cpuMs: 0, peakHeapMb: 0, peakExternalMb: 0, gbSeconds: 0 };
  const container = {
    id: 'ctr_slow', orgId, limitMb, tier: 'basic' as const, state: 'starting' as ContainerState, death: null as ContainerDeath | null, gone: gone.promise,
    hasWarm: () => false,
    start: async () => {
      onStart();
      await started;
      container.state = 'warm';
    },
    settled: async () => container.state === 'warm',
    execute: async () => ({ kind: 'succeeded' as const, resultJson: '"served"', usage }),
    kill: async (death: ContainerDeath) => {
      container.death = death;
      container.state = 'dead';
      gone.resolve();
    },
    snapshot: () => ({
      id: container.id, orgId, limitMb, tier: container.tier, state: container.state, death: container.death, heapMb: 0, externalMb: 0, cpuMs: 0, runs: 0, runId: null,
      ageMs: 0, baselineMb: 0, eventLoopDelayMs: null, health: { score: 100, reason: '', components: [] },
    }),
  };
  return container;
}

describe('the pools of a worker', () => {
  let rig: Rig;
  afterEach(async () => { await rig.stop(); });

  it('run 50 runs of one organization in parallel and never hold more than its memory', async () => {
    const POOL_MB = 256;
    rig = await startRig({ slots: 64, poolMbOf: () => POOL_MB, maxRunsPerContainer: 4 });
    deploy(rig, 'acme', SOON, LOOP);
    let mostMb = 0;
    let mostAtOnce = 0;
    const check = () => {
      const held = containersOf(rig);
      mostMb = Math.max(mostMb, held.reduce((sum, { limitMb }) => sum + limitMb, 0), ...rig.manager.snapshot().map(({ reservedMb }) => reservedMb));
      mostAtOnce = Math.max(mostAtOnce, held.filter(({ state }) => state === 'busy').length);
    };
    const waiting = Array.from({ length: 50 }, (_, i) => ({ i, memoryMb: i % 7 === 0 ? 128 : 32, isLoop: i % 10 === 3 }));
    const endings: string[] = [];
    const running = new Set<Promise<void>>();
    const begin = (admission: Admission, { i, memoryMb, isLoop }: (typeof waiting)[number]) => {
      const request = requestFor(isLoop ? LOOP : SOON, { input: i, memoryMb, timeoutMs: isLoop ? 50 : 20_000 });
      const sink = { started: check, event: () => undefined };
      const run: Promise<void> = rig.manager.execute(admission, request, sink, never).then((outcome) => {
        endings.push(endingOf({ outcome, events: [], startedCount: 1 }));
        running.delete(run);
        check();
      });
      running.add(run);
    };
    while (waiting.length > 0 || running.size > 0) {
      for (let next = waiting.at(-1); next !== undefined; next = waiting.at(-1)) {
        const admission = rig.manager.admit('acme', next.memoryMb);
        if (admission === null) break;
        begin(admission, next);
        waiting.pop();
      }
      check();
      // Where nothing runs, only a container on its way out can be in the way.
      await (running.size > 0 ? Promise.race(running) : new Promise(setImmediate));
    }
    expect(endings.filter((ending) => ending === 'succeeded')).toHaveLength(45);
    expect(endings.filter((ending) => ending === 'timed_out/TIMED_OUT')).toHaveLength(5);
    expect(mostMb).toBeLessThanOrEqual(POOL_MB);
    expect(mostAtOnce).toBeGreaterThan(1);
  });

  it('keep the organizations apart: their memory, their threads, what their agents remember', async () => {
    rig = await startRig({ poolMbOf: (orgId) => (orgId === 'small' ? 64 : 256) });
    const remember = 'export default (input) => { const before = globalThis.kept ?? null; globalThis.kept = input; return before; };';
    expect(valueOf(await rig.run(remember, { orgId: 'acme', input: 'of acme' }))).toBeNull();
    expect(valueOf(await rig.run(remember, { orgId: 'small', input: 'of small' }))).toBeNull();
    expect(valueOf(await rig.run(remember, { orgId: 'acme' }))).toBe('of acme');
    const admission = rig.manager.admit('small', 64);
    expect(rig.manager.admit('small', 16)).toBeNull();
    expect(rig.manager.admit('acme', 64)).not.toBeNull();
    admission?.release();
  });

  it('take more runs of a version that is known to hold little, and no more of one that is not', async () => {
    rig = await startRig({ poolMbOf: () => 128 });
    const { manager } = rig;
    const known = { agent: 'agent', version: 1 };
    const admitted = (of: typeof known) => {
      const admissions: Admission[] = [];
      for (let next = manager.admit('acme', 64, of); next !== null; next = manager.admit('acme', 64, of)) admissions.push(next);
      for (const admission of admissions) admission.release();
      return admissions.length;
    };
    expect(admitted(known)).toBe(2);
    for (let i = 0; i < 5; i += 1) await rig.run(ECHO, { memoryMb: 64, version: 1 });
    expect(admitted(known)).toBe(4);
    expect(admitted({ ...known, version: 2 })).toBe(2);
    const held = manager.admit('acme', 128);
    expect([manager.admit('acme', 64), manager.fullOrganizations()]).toEqual([null, ['acme']]);
    held?.release();
    expect(manager.fullOrganizations()).toEqual([]);
  });

  it('never admit more than the slots, and give a slot back once', async () => {
    rig = await startRig({ slots: 2 });
    const { manager } = rig;
    const first = manager.admit('acme', 64);
    const second = manager.admit('other', 64);
    expect([manager.freeSlots(), manager.admit('third', 64)]).toEqual([0, null]);
    first?.release();
    first?.release();
    expect(manager.freeSlots()).toBe(1);
    second?.release();
    await rig.run(ECHO);
    expect(manager.freeSlots()).toBe(2);
  });

  it('end an idle container of another size when the pool needs the room', async () => {
    rig = await startRig({ poolMbOf: () => 96 });
    await rig.run(ECHO, { memoryMb: 96 });
    expect(valueOf(await rig.run(ECHO, { memoryMb: 64, input: 2 }))).toBe(2);
    expect(containersOf(rig).map(({ limitMb }) => limitMb)).toEqual([64]);
    expect(deathsOf(rig.manager)).toEqual({ evicted: 1 });
  });

  it('give a run the container that has its bundle warm', async () => {
    rig = await startRig();
    const [one, two] = [1, 2].map((n) => `let calls = 0; export default async () => { await new Promise((done) => setTimeout(done, 20)); return [${n}, calls += 1]; };`) as [string, string];
    await Promise.all([rig.run(one), rig.run(two)]);
    expect(containersOf(rig)).toHaveLength(2);
    for (const calls of [2, 3]) {
      expect(valueOf(await rig.run(two))).toEqual([2, calls]);
      expect(valueOf(await rig.run(one))).toEqual([1, calls]);
    }
  });

  it('replace a container after its share of runs', async () => {
    rig = await startRig({ maxRunsPerContainer: 3 });
    const counter = 'let calls = 0; export default () => (calls += 1);';
    const calls: unknown[] = [];
    for (let i = 0; i < 7; i += 1) calls.push(valueOf(await rig.run(counter)));
    expect(calls).toEqual([1, 2, 3, 1, 2, 3, 1]);
    expect(deathsOf(rig.manager)).toMatchObject({ recycled: 2 });
  });

  it('end containers that nobody used for a while, and one beyond the most that may idle, which is not the newest', async () => {
    let nowMs = 1000;
    rig = await startRig({ idleMs: 200, maxIdleContainers: 2, clock: { nowMs: Date.now, monotonicMs: () => nowMs } });
    const left = async (count: number) => {
      while (containersOf(rig).length > count) await new Promise(setImmediate);
    };
    for (const orgId of ['a', 'b', 'c']) await rig.run(ECHO, { orgId });
    await left(2);
    nowMs += 200;
    await left(0);
    const older = [deathsOf(rig.manager, 'a'), deathsOf(rig.manager, 'b')];
    expect(older).toEqual(expect.arrayContaining([{ evicted: 1 }, { idle: 1 }]));
    expect(deathsOf(rig.manager, 'c')).toEqual({ idle: 1 });
  });

  it('show what runs, with live readings, in the shape that core declares', async () => {
    rig = await startRig();
    const started = Promise.withResolvers<void>();
    const interrupt = new AbortController();
    const run = rig.run(agent('globalThis.big = Buffer.alloc(20e6, 1); ctx.log("ready"); for (;;) await null;'), {
      runId: 'run_shown', interrupt, onEvent: () => started.resolve(),
    });
    await started.promise;
    const busy = () => organizationRuntimeSnapshotSchema.parse(rig.manager.snapshot()[0]);
    while ((busy().containers[0]?.externalMb ?? 0) < 15) await new Promise(setImmediate);
    expect(busy()).toMatchObject({ orgId: 'acme', poolMb: 1024, reservedMb: 64, containers: [{ state: 'busy', runId: 'run_shown', runs: 1, limitMb: 64, death: null }] });
    expect(busy().containers[0]?.heapMb).toBeGreaterThan(1);
    interrupt.abort('cancelled');
    await run;
    while (containersOf(rig).length > 0) await new Promise(setImmediate);
    expect(busy()).toMatchObject({ reservedMb: 0, containers: [], deaths: { cancelled: 1 } });
  });

  it('survive a thread that ends while nobody uses it', async () => {
    rig = await startRig();
    const gone = async () => {
      while (containersOf(rig).length > 0) await new Promise(setImmediate);
    };
    expect(valueOf(await rig.run(agent('setTimeout(() => process.exit(), 500).unref(); return 1')))).toBe(1);
    await gone();
    expect(deathsOf(rig.manager)).toEqual({ exited: 1 });
    expect(valueOf(await rig.run(ECHO, { input: 1 }))).toBe(1);
  });

  it('give a run back at once that is cancelled while its container starts, and the container to the next one', async () => {
    const starting = Promise.withResolvers<void>();
    const asked = Promise.withResolvers<void>();
    let made = 0;
    const drivers = { basic: (plan: ContainerPlan) => { made += 1; return slowToStart(plan, asked.resolve, starting.promise); } };
    rig = await startRig({ drivers });
    const interrupt = new AbortController();
    const cancelled = rig.run(ECHO, { interrupt });
    await asked.promise;
    interrupt.abort('cancelled');
    expect((await cancelled).outcome).toMatchObject({ kind: 'interrupted', reason: 'cancelled' });
    expect(rig.manager.freeSlots()).toBe(16);
    starting.resolve();
    await new Promise(setImmediate);
    expect(valueOf(await rig.run(ECHO))).toBe('served');
    expect(made).toBe(1);
  });

  it('say so when no container can be started', async () => {
    rig = await startRig({ drivers: { basic: () => { throw new Error('no thread left'); } } });
    deploy(rig, 'acme', ECHO);
    const admission = rig.manager.admit('acme', 64);
    if (admission === null) throw new Error('not admitted');
    const outcome = await rig.manager.execute(admission, requestFor(ECHO), silentSink, never);
    expect(outcome).toMatchObject({ kind: 'failed', state: 'crashed', retryable: true, error: { message: 'no thread left' } });
    expect(rig.manager.freeSlots()).toBe(16);
    expect(rig.manager.snapshot()[0]?.reservedMb).toBe(0);
  });
});
