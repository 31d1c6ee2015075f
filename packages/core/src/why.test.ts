import { describe, expect, it } from '@jest/globals';

import { DEFAULT_ORGANIZATION_LIMITS } from './org-schemas.ts';
import type { WorkerSnapshot } from './runtime-schemas.ts';
import { explainWait, whySchema, type WaitFacts } from './why.ts';

const NOW = Date.parse('2026-01-01T00:00:00.000Z');
const worker = (running: number, busyMb = 0): WorkerSnapshot => ({
  id: 'wkr_1', host: 'h', pid: 1, platform: 'linux x64', startedAt: '2026-01-01T00:00:00.000Z', at: '2026-01-01T00:00:00.000Z', state: 'running', slots: 4, running,
  rssMb: 1, eventLoopDelayMs: 1,
  organizations: [{ orgId: 'acme', poolMb: 256, reservedMb: busyMb, deaths: {}, containers: busyMb === 0 ? [] : [{
    id: 'ctr_1', orgId: 'acme', tier: 'basic', state: 'busy', death: null, limitMb: busyMb, heapMb: 1, externalMb: 1, cpuMs: 1, runs: 1, runId: 'run_0', ageMs: 1,
    reserveMb: busyMb, baselineMb: 1, eventLoopDelayMs: null, health: { score: 100, reason: '', components: [] },
  }] }],
});
const facts = (change: Partial<WaitFacts> = {}, limits: Partial<WaitFacts['standing']['limits']> = {}): WaitFacts => ({
  nowMs: NOW,
  run: { id: 'run_1', orgId: 'acme', agent: 'few', version: 3, state: 'queued', tier: 'basic', memoryMb: 64, notBefore: null },
  standing: {
    limits: { ...DEFAULT_ORGANIZATION_LIMITS, ...limits }, counts: { waiting: 1, delayed: 0, active: 0 }, organizationsAhead: 0, inFlightMb: null,
    rateWindowMs: 0,
  },
  runsAhead: 0, poolMb: 256, workers: [worker(0)], recentStartsMs: [], version: null, ...change,
});
const causesOf = (given: WaitFacts) => explainWait(given).causes.map(({ cause }) => cause);

describe('why a run waits', () => {
  it('has no cause once it runs, or when it is about to be taken', () => {
    expect(causesOf(facts({ run: { ...facts().run, state: 'running' } }))).toEqual([]);
    expect(causesOf(facts())).toEqual([]);
  });

  it('names what must pass first: the delay, the pause, the limits', () => {
    const run = { ...facts().run, state: 'scheduled' as const, notBefore: new Date(NOW + 5000).toISOString() };
    const limited = facts({ run }, { paused: true, maxConcurrency: 2, maxMemoryInFlightMb: 100 });
    const standing = { ...limited.standing, counts: { waiting: 1, delayed: 0, active: 2 }, inFlightMb: 64, rateWindowMs: 700 };
    expect(causesOf({ ...limited, standing })).toEqual(['not_before', 'organization_paused', 'at_concurrency', 'rate_window', 'memory_in_flight']);
  });

  it('tells a missing worker from one that cannot build the tier', () => {
    expect(causesOf(facts({ workers: [] }))).toEqual(['no_worker']);
    const run = { ...facts().run, tier: 'strict' as const };
    const report = (isBuilt: boolean): WorkerSnapshot => ({
      ...worker(0),
      isolation: { at: '2026-01-01T00:00:00.000Z', probes: [], tiers: [{ tier: 'strict', isBuilt, target: '', achieved: '', cases: [] }] },
    });
    expect(causesOf(facts({ run }))).toEqual(['no_worker_with_tier']);
    expect(causesOf(facts({ run, workers: [report(false)] }))).toEqual(['no_worker_with_tier']);
    expect(causesOf(facts({ run, workers: [report(false), report(true)] }))).toEqual([]);
  });

  it('names the full pool, and the line before it', () => {
    expect(causesOf(facts({ workers: [worker(1, 220)] }))).toEqual(['memory_pool_full']);
    const crowded = facts({ workers: [worker(4)], runsAhead: 3 });
    expect(causesOf({ ...crowded, standing: { ...crowded.standing, organizationsAhead: 2 } })).toEqual(['runs_ahead', 'organizations_ahead', 'no_free_slot']);
  });

  it('names the concurrency of the version while all its places are taken, and tells from that version when it starts', () => {
    const every = (ms: number) => Array.from({ length: 10 }, (_, i) => NOW - (i + 1) * ms);
    const version = { most: 2, taken: 2, runsAhead: 3, recentStartsMs: every(1000) };
    const why = explainWait(facts({ version, runsAhead: 5, recentStartsMs: every(1) }));
    expect(why.causes.map(({ cause }) => cause)).toEqual(['at_version_concurrency', 'runs_ahead']);
    expect(why.causes[0]?.detail).toBe('2 runs of version 3 of few are executed, 2 may be');
    expect(why.estimate).toMatchObject({ startsInMs: 4000, basis: 'the last 10 starts of version 3 of few, one every 1000 ms' });
    expect(causesOf(facts({ version: { ...version, taken: 1 } }))).toEqual([]);
  });

  it('estimates from the organization\'s own starts, with its uncertainty, and not at all where it cannot', () => {
    const starts = Array.from({ length: 10 }, (_, i) => NOW - (i + 1) * 100);
    const { estimate } = explainWait(facts({ runsAhead: 8, recentStartsMs: starts, workers: [worker(4)] }));
    expect(estimate).toMatchObject({ startsInMs: 900 });
    expect(estimate?.lowMs).toBeLessThan(900);
    expect(estimate?.highMs).toBeGreaterThan(900);
    expect(explainWait(facts({ runsAhead: 8, workers: [worker(4)] })).estimate).toBeNull();
    expect(explainWait(facts({ recentStartsMs: starts }, { paused: true })).estimate).toBeNull();
  });

  it('knows exactly when only the time is in the way', () => {
    const run = { ...facts().run, state: 'scheduled' as const, notBefore: new Date(NOW + 5000).toISOString() };
    const why = explainWait(facts({ run }));
    expect(why.estimate).toMatchObject({ startsInMs: 5000, lowMs: 5000, highMs: 5000 });
    expect(whySchema.parse(why)).toEqual(why);
  });
});
