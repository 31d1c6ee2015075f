import { describe, expect, it } from '@jest/globals';

import type { RunFigures, WorkerSnapshot } from '@bullpen/core';

import { organizationHealth, systemHealth, workerHealth } from './health.ts';

const figures = (overrides: Partial<RunFigures> = {}): RunFigures => ({
  runs: 1000, failures: 10, errorRatio: 0.01, runsPerS: 3, p50Ms: 20, p90Ms: 80, p95Ms: 120, p99Ms: 300, cpuP50Ms: 8, cpuP95Ms: 40, queueWaitP50Ms: 2, queueWaitP95Ms: 40,
  queueWaitP99Ms: 90, worstQueueWaitMs: 200, wallMs: 1, cpuMs: 1, gbSeconds: 1, resourceSeconds: 1, egressBytes: 0, tokens: 0, ...overrides,
});
const AT_MS = Date.parse('2026-03-10T14:00:00.000Z');
const worker = (overrides: Partial<WorkerSnapshot> = {}): WorkerSnapshot => ({
  id: 'wkr_1', host: 'a', pid: 1, platform: 'linux x64', startedAt: '2026-03-10T13:00:00.000Z', at: '2026-03-10T13:59:59.500Z', state: 'running', slots: 16, running: 12, rssMb: 200, eventLoopDelayMs: 22,
  organizations: [], ...overrides,
});

describe('the health of an organization', () => {
  const facts = { recent: figures(), usual: figures(), killed: 2, reservedMb: 300, poolMb: 1024 };

  it('is near 100 under normal load, and where nothing ran', () => {
    expect(organizationHealth(facts).score).toBeGreaterThanOrEqual(90);
    expect(organizationHealth({ recent: null, usual: null, killed: null, reservedMb: 0, poolMb: 0 })).toMatchObject({ score: 100, level: 'healthy' });
  });

  it('falls with failures, and says so', () => {
    expect(organizationHealth({ ...facts, recent: figures({ errorRatio: 0.9 }) })).toMatchObject({ level: 'degraded', reason: expect.stringContaining('success is 10 %') });
  });

  it('does not judge by a handful of runs', () => {
    expect(organizationHealth({ ...facts, recent: figures({ runs: 2, errorRatio: 1 }) }).score).toBeGreaterThanOrEqual(90);
  });
});

describe('the health of a worker', () => {
  it('is near 100 while it beats, and falls when it does not', () => {
    expect(workerHealth(worker(), AT_MS).score).toBeGreaterThanOrEqual(90);
    expect(workerHealth(worker(), AT_MS + 60_000)).toMatchObject({ score: 0, level: 'unhealthy', reason: expect.stringContaining('heartbeat age') });
  });
});

describe('the health of the system', () => {
  it('is near 100 under normal load, and nothing without workers', () => {
    const of = { workers: [{ worker: worker(), health: workerHealth(worker(), AT_MS) }], organizations: [], recent: figures(), postgresMs: 3 };
    expect(systemHealth(of).score).toBeGreaterThanOrEqual(90);
    expect(systemHealth({ ...of, workers: [] })).toMatchObject({ score: 0, level: 'unhealthy' });
  });
});
