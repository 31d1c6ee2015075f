import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';

import { Deadline, runtimeMetricsQuerySchema, runtimeMetricsSchema, silentLogger, systemClock, type Clock, type FinishedRun, type Logger, type RuntimeMetricsQuery } from '@bullpen/core';
import { createDatabase, createOrganization, type Database } from '@bullpen/db';
import { RELATIVE_ERROR, createMetricsCollector, readRuntimeMetrics, type MetricsCollector } from '@bullpen/metrics';

import { ORG, createDbFixture, type DbFixture } from './db-fixture.ts';
import { createPostgresProxy, type PostgresProxy } from './db-proxy.ts';

const AT_MS = 1_700_000_000_000;
const HOURS = { from: new Date(AT_MS - 3_600_000).toISOString(), to: new Date(AT_MS + 3_600_000).toISOString() };
const CLOCK: Clock = { ...systemClock, nowMs: () => AT_MS + 3_600_000 };
/** Long enough that only what a test asks for is written. */
const NEVER_MS = 3_600_000;

let fixture: DbFixture;
let proxy: PostgresProxy;
let db: Database;
let collectors: MetricsCollector[] = [];

beforeEach(async () => {
  fixture = await createDbFixture();
  proxy = await createPostgresProxy(fixture.url);
  db = createDatabase({ url: proxy.url, maxConnections: 2 });
});
afterEach(async () => {
  await Promise.all(collectors.map((metrics) => metrics.stop(Deadline.in(0))));
  collectors = [];
  await db.stop(Deadline.in(50));
  await proxy[Symbol.asyncDispose]();
  await fixture[Symbol.asyncDispose]();
});

function finished(overrides: Partial<FinishedRun> & { wallMs?: number } = {}): FinishedRun {
  const { wallMs = 10, ...rest } = overrides;
  return {
    orgId: ORG, runId: 'run_x', agent: 'echo', version: 1, tier: 'basic', state: 'succeeded', errorCode: null, finishedAtMs: AT_MS, queueWaitMs: 2,
    usage: { wallMs, cpuMs: wallMs / 2, peakHeapMb: 5, peakExternalMb: 0, gbSeconds: wallMs / 1000 }, ...rest,
  };
}

function collector(options: { log?: Logger; flushMs?: number; maxBuffered?: number; over?: Database } = {}): MetricsCollector {
  const { log = silentLogger, flushMs = NEVER_MS, over = db, ...rest } = options;
  const made = createMetricsCollector({ db: over, clock: systemClock, log, flushMs, ...rest });
  collectors.push(made);
  return made;
}

async function read(query: Partial<RuntimeMetricsQuery> = {}) {
  const asked = runtimeMetricsQuerySchema.parse({ ...HOURS, stepMs: 10_000, ...query });
  return runtimeMetricsSchema.parse(await readRuntimeMetrics({ db: fixture.db, clock: CLOCK }, asked));
}

async function readOrg(orgId = ORG) {
  return (await read()).organizations.find((metrics) => metrics.orgId === orgId);
}

describe('finished runs', () => {
  it('come back as runs, failures, percentiles and usage of their organization', async () => {
    await createOrganization(fixture.db, { id: 'birch', name: 'Birch', poolMb: 64, maxMemoryMb: 64, minimumTier: 'basic' });
    const metrics = collector();
    const walls = Array.from({ length: 1000 }, (_, n) => 1 + n * 0.37);
    walls.forEach((wallMs, n) => metrics.record(finished({ wallMs, queueWaitMs: n, finishedAtMs: AT_MS + n * 100, agent: n % 2 ? 'echo' : 'other' })));
    metrics.record(finished({ orgId: 'birch', state: 'timed_out' }));
    await metrics.flush();
    const acme = await readOrg();
    expect(acme).toMatchObject({ runs: 1000, failures: 0, errorRatio: 0 });
    const exact = (q: number, of: number[]) => of[Math.ceil(q * of.length) - 1] as number;
    expect(Math.abs((acme?.p50Ms ?? 0) / exact(0.5, walls) - 1)).toBeLessThanOrEqual(RELATIVE_ERROR);
    expect(Math.abs((acme?.p95Ms ?? 0) / exact(0.95, walls) - 1)).toBeLessThanOrEqual(RELATIVE_ERROR);
    expect(Math.abs((acme?.queueWaitP95Ms ?? 0) / 949 - 1)).toBeLessThanOrEqual(RELATIVE_ERROR);
    const sum = walls.reduce((total, wall) => total + wall, 0);
    expect(acme?.cpuMs).toBeCloseTo(sum / 2, 6);
    expect(acme?.gbSeconds).toBeCloseTo(sum / 1000, 6);
    expect(await readOrg('birch')).toMatchObject({ runs: 1, failures: 1, errorRatio: 1 });
  });

  it('count as failures when the agent or a limit ended them, not when their caller did', async () => {
    const metrics = collector();
    for (const state of ['succeeded', 'failed', 'timed_out', 'out_of_memory', 'cpu_exceeded', 'crashed'] as const) metrics.record(finished({ state }));
    for (const state of ['cancelled', 'expired'] as const) metrics.record(finished({ state, usage: null }));
    await metrics.flush();
    expect(await readOrg()).toMatchObject({ runs: 8, failures: 5, errorRatio: 5 / 8 });
  });

  it('that never began have no run time', async () => {
    const metrics = collector();
    metrics.record(finished({ state: 'expired', usage: null, queueWaitMs: 700 }));
    await metrics.flush();
    const only = await readOrg();
    expect(only).toMatchObject({ runs: 1, p50Ms: null, p95Ms: null, cpuMs: 0 });
    expect(Math.abs((only?.queueWaitP95Ms ?? 0) / 700 - 1)).toBeLessThanOrEqual(RELATIVE_ERROR);
  });

  it('of two workers are added up, also within one bucket', async () => {
    const workers = [collector(), collector(), collector()];
    for (let round = 0; round < 5; round += 1) {
      workers.forEach((worker, n) => worker.record(finished({ wallMs: 1 + n })));
      await Promise.all(workers.map((worker) => worker.flush()));
    }
    expect(await readOrg()).toMatchObject({ runs: 15, wallMs: 30 });
    expect((await readOrg())?.p95Ms).toBeCloseTo(3, 1);
  });

  it('are written by themselves soon after they were recorded', async () => {
    const written = Promise.withResolvers<void>();
    const listening: Database = {
      ...db, orm: db.orm, start: () => db.start(), quiesce: () => db.quiesce(), stop: (by) => db.stop(by), ping: () => db.ping(),
      get sql() {
        written.resolve();
        return db.sql;
      },
    };
    const metrics = collector({ flushMs: 1, over: listening });
    metrics.record(finished());
    await written.promise;
    await metrics.flush();
    expect(await readOrg()).toMatchObject({ runs: 1 });
  });

  it('of an organization that is gone are left out, and those of others stay', async () => {
    const metrics = collector();
    metrics.record(finished({ orgId: 'gone' }));
    metrics.record(finished());
    await metrics.flush();
    expect((await read()).organizations).toMatchObject([{ orgId: ORG, runs: 1 }]);
  });

  it('that Postgres refuses are dropped alone and counted', async () => {
    const metrics = collector();
    for (let n = 0; n < 20; n += 1) metrics.record(finished({ agent: n === 7 ? 'nul\0' : `agent-${n}` }));
    await metrics.flush();
    expect(await readOrg()).toMatchObject({ runs: 19 });
    expect(metrics.droppedCount).toBe(1);
  });
});

describe('the series', () => {
  it('counts runs and failures per step and organization, oldest first', async () => {
    const metrics = collector();
    for (const [ms, state] of [[0, 'succeeded'], [9_999, 'failed'], [10_000, 'succeeded'], [61_000, 'crashed']] as const) {
      metrics.record(finished({ finishedAtMs: AT_MS + ms, state }));
    }
    await metrics.flush();
    const seriesBy = async (stepMs: number) => (await read({ stepMs })).series.map((point) => [Date.parse(point.at) - AT_MS, point.runs, point.failures]);
    expect(await seriesBy(10_000)).toEqual([[0, 2, 1], [10_000, 1, 0], [60_000, 1, 1]]);
    const minute = Math.floor(AT_MS / 60_000) * 60_000 - AT_MS;
    expect(await seriesBy(60_000)).toEqual([[minute, 3, 1], [minute + 60_000, 1, 1]]);
    expect(() => runtimeMetricsQuerySchema.parse({ stepMs: 15_000 })).toThrow();
  });

  it('and the totals take whole buckets of the window', async () => {
    const metrics = collector();
    for (const ms of [-1, 0, 5000, 9999, 10_000]) metrics.record(finished({ finishedAtMs: AT_MS + ms }));
    await metrics.flush();
    const window = { from: new Date(AT_MS + 5000).toISOString(), to: new Date(AT_MS + 10_000).toISOString() };
    const { organizations, timeline, total } = await read(window);
    expect([organizations.map(({ runs }) => runs), timeline.map(({ runs }) => runs), total.runs]).toEqual([[3], [3], 3]);
  });
});

describe('while Postgres is away', () => {
  it('runs are kept, and written when it is back', async () => {
    const metrics = collector();
    await proxy.cut();
    metrics.record(finished());
    await expect(metrics.flush()).rejects.toMatchObject({ code: 'SERVICE_UNAVAILABLE' });
    metrics.record(finished());
    await proxy.restore();
    await flushUntilWritten(metrics);
    expect(await readOrg()).toMatchObject({ runs: 2 });
    expect(metrics.droppedCount).toBe(0);
  });

  it('what does not fit is dropped, counted and logged, and what has a place is still counted', async () => {
    const logged: unknown[] = [];
    const log: Logger = { ...silentLogger, error: (facts, event) => { if (event === 'metrics.dropped') logged.push(facts); } };
    const metrics = collector({ log, maxBuffered: 3 });
    await proxy.cut();
    for (let n = 0; n < 5; n += 1) metrics.record(finished({ agent: `agent-${n}` }));
    metrics.record(finished({ agent: 'agent-0' }));
    expect(metrics.droppedCount).toBe(2);
    await expect(metrics.flush()).rejects.toMatchObject({ code: 'SERVICE_UNAVAILABLE' });
    metrics.record(finished({ agent: 'agent-9' }));
    await proxy.restore();
    await flushUntilWritten(metrics);
    expect(await readOrg()).toMatchObject({ runs: 4 });
    expect(metrics.droppedCount).toBe(3);
    expect(logged).toMatchObject([{ dropped: 1 }, { dropped: 1, droppedInAll: 2 }, { dropped: 1, droppedInAll: 3 }]);
  });

  it('a batch whose answer was lost counts once', async () => {
    const metrics = collector();
    metrics.record(finished());
    await metrics.flush();
    for (let round = 0; round < 3; round += 1) {
      metrics.record(finished());
      const lost = proxy.loseNextAnswer();
      await expect(metrics.flush()).rejects.toMatchObject({ code: 'SERVICE_UNAVAILABLE' });
      await lost;
      await flushUntilWritten(metrics);
    }
    expect(await readOrg()).toMatchObject({ runs: 4 });
  });
});

describe('the collector as a service', () => {
  it('writes what it holds when it stops, and starts again', async () => {
    const metrics = collector();
    await metrics.stop(Deadline.in(1000));
    for (let n = 1; n <= 3; n += 1) {
      await metrics.start();
      metrics.record(finished());
      await metrics.quiesce();
      metrics.record(finished());
      await metrics.stop(Deadline.in(10_000));
      await metrics.stop(Deadline.in(10_000));
      expect(await readOrg()).toMatchObject({ runs: 2 * n });
    }
    expect(metrics.droppedCount).toBe(0);
  });

  it('stops at its deadline where Postgres is away, and says what was lost', async () => {
    const metrics = collector();
    await metrics.start();
    await proxy.cut();
    metrics.record(finished());
    metrics.record(finished());
    await metrics.stop(Deadline.in(200));
    expect(metrics.droppedCount).toBe(2);
    metrics.record(finished());
    expect(metrics.droppedCount).toBe(3);
  });
});

/** Each connection from before an outage fails once more. */
async function flushUntilWritten(metrics: MetricsCollector): Promise<void> {
  for (;;) {
    const failed = await metrics.flush().then(() => false, () => true);
    if (!failed) return;
  }
}
