import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';

import { Deadline, runtimeMetricsQuerySchema, silentLogger, systemClock, type FinishedRun, type RuntimeMetrics, type RuntimeMetricsQuery } from '@bullpen/core';
import { adminKeepMetricPartitions, adminReadRollupProgress, adminRollUpRunMetrics, createDatabase, createOrganization, type Database, type MetricRetention } from '@bullpen/db';
import { RELATIVE_ERROR, createMetricsCollector, readRuntimeMetrics, readUsage, type MetricsCollector } from '@bullpen/metrics';

import { ORG, createDbFixture, type DbFixture } from './db-fixture.ts';
import { createPostgresProxy } from './db-proxy.ts';

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;
const DAY = Date.parse('2026-03-08T00:00:00.000Z');
/** Past the grace of every level, two days on. */
const AFTER_MS = DAY + 2 * DAY_MS + HOUR_MS;
const RETENTION: MetricRetention = { run_metrics: 2, run_metrics_1m: 14, run_metrics_1h: 90, run_metrics_1d: 800, runtime_samples: 3 };

let fixture: DbFixture;
let metrics: MetricsCollector;

beforeEach(async () => {
  fixture = await createDbFixture();
  await createOrganization(fixture.db, { id: 'birch', name: 'Birch', poolMb: 64, maxMemoryMb: 64, minimumTier: 'basic' });
  metrics = createMetricsCollector({ db: fixture.db, clock: systemClock, log: silentLogger, flushMs: HOUR_MS });
});
afterEach(async () => {
  await metrics.stop(Deadline.in(0));
  await fixture[Symbol.asyncDispose]();
});

function record(atMs: number, overrides: Partial<FinishedRun> & { wallMs?: number } = {}): void {
  const { wallMs = 10, ...rest } = overrides;
  metrics.record({
    orgId: ORG, runId: 'run_x', agent: 'echo', version: 1, tier: 'basic', state: 'succeeded', errorCode: null, finishedAtMs: atMs, queueWaitMs: 2,
    usage: { wallMs, cpuMs: wallMs / 2, peakHeapMb: 5, peakExternalMb: 0, gbSeconds: wallMs / 1000, egressBytesOut: 3 }, tokens: 5, ...rest,
  });
}

/** Two days of runs of two organizations; returns their wall times. */
function recordTwoDays(): number[] {
  const walls: number[] = [];
  for (let n = 0; n < 2000; n += 1) {
    const wallMs = 1 + ((n * 7919) % 1000) ** 1.4;
    walls.push(wallMs);
    record(DAY + n * 86_000, {
      wallMs, queueWaitMs: n % 97, orgId: n % 3 === 0 ? 'birch' : ORG, agent: n % 2 === 0 ? 'echo' : 'other', version: 1 + (n % 2),
      tier: n % 5 === 0 ? 'strict' : 'basic', state: n % 10 === 0 ? 'failed' : 'succeeded',
    });
  }
  return walls;
}

async function read(query: Partial<RuntimeMetricsQuery>, db: Database = fixture.db): Promise<RuntimeMetrics> {
  const window = { from: iso(DAY), to: iso(DAY + 2 * DAY_MS) };
  return readRuntimeMetrics({ db, clock: { ...systemClock, nowMs: () => AFTER_MS } }, runtimeMetricsQuerySchema.parse({ ...window, ...query }));
}

const iso = (ms: number) => new Date(ms).toISOString();
const GROUPINGS = ['organization', 'agent', 'version', 'outcome', 'tier'] as const;

/** What must be the same whatever level it was read from. */
async function answers(stepMs: number): Promise<unknown> {
  const ofAll = await Promise.all(GROUPINGS.map((groupBy) => read({ groupBy, stepMs })));
  const { total, timeline } = ofAll[0] as RuntimeMetrics;
  // Of running totals the worst wait is known within 1 % only.
  const groups = ofAll.map((one) => one.groups.map((group) => ({ ...group, worstQueueWaitMs: one.groupBy === 'organization' ? Math.round(Math.log10(group.worstQueueWaitMs)) : group.worstQueueWaitMs })));
  return rounded({ total, timeline, groups, jain: ofAll[0]?.fairness.jain, ofOrg: (await read({ orgId: ORG, groupBy: 'agent', stepMs })).groups });
}

/** Sums of the same numbers in another order differ in their last digits. */
function rounded(value: unknown): unknown {
  return JSON.parse(JSON.stringify(value, (_, one: unknown) => (typeof one === 'number' ? Number(one.toPrecision(9)) : one)));
}

async function rollUp(asOfMs = AFTER_MS): Promise<void> {
  await adminRollUpRunMetrics(fixture.db, asOfMs, 100_000);
}

describe('rolling up', () => {
  it('changes no answer, for any grouping, and percentiles stay within their bound', async () => {
    const walls = recordTwoDays().sort((a, b) => a - b);
    await metrics.flush();
    const before = await answers(DAY_MS);
    await rollUp();
    expect(await answers(DAY_MS)).toEqual(before);
    // What was collected is not needed any more.
    await fixture.db.sql`DELETE FROM run_metrics`;
    expect(await answers(DAY_MS)).toEqual(before);
    const { total } = await read({ stepMs: DAY_MS });
    for (const [q, value] of [[0.5, total.p50Ms], [0.9, total.p90Ms], [0.95, total.p95Ms], [0.99, total.p99Ms]] as const) {
      expect(Math.abs((value ?? 0) / (walls[Math.ceil(q * walls.length) - 1] ?? 0) - 1)).toBeLessThanOrEqual(RELATIVE_ERROR + 1e-9);
    }
    expect(total).toMatchObject({ runs: 2000, failures: 200, egressBytes: 6000, tokens: 10_000, worstQueueWaitMs: 96 });
  });

  it('may be repeated', async () => {
    recordTwoDays();
    await metrics.flush();
    await rollUp();
    const before = await answers(DAY_MS);
    await fixture.db.sql`INSERT INTO rollup_pending SELECT DISTINCT 60, bucket_of(bucket_at, 60), 'again' FROM run_metrics`;
    await Promise.all([rollUp(), rollUp(), rollUp()]);
    await rollUp();
    expect(await answers(DAY_MS)).toEqual(before);
  });

  it('goes on where somebody reports more than all sums together can hold', async () => {
    const runs = [ORG, ORG, 'birch', 'birch'];
    runs.forEach((orgId, n) => record(DAY + n * HOUR_MS, { orgId, tokens: Number.MAX_VALUE, usage: { wallMs: 1, cpuMs: Number.MAX_VALUE, peakHeapMb: 5, peakExternalMb: 0, gbSeconds: Number.MAX_VALUE } }));
    record(DAY, { orgId: 'birch', agent: 'honest', tokens: 5 });
    await metrics.flush();
    await rollUp();
    const { total, groups } = await read({ orgId: 'birch', groupBy: 'agent' });
    expect(total.runs).toBe(3);
    expect(groups.find(({ key }) => key.endsWith('honest'))?.tokens).toBe(5);
  });

  it('counts once wherever it is broken off', async () => {
    recordTwoDays();
    await metrics.flush();
    const expected = await answers(DAY_MS);
    await breakOffAtEachStatement();
    await rollUp();
    await fixture.db.sql`DELETE FROM run_metrics`;
    expect(await answers(DAY_MS)).toEqual(expected);
  });

  it('keeps running totals right when an hour in the past gets more', async () => {
    recordTwoDays();
    await metrics.flush();
    await rollUp();
    for (const hour of [3, 3, 20, 47, 0]) {
      record(DAY + hour * HOUR_MS, { wallMs: 7 });
      record(DAY + hour * HOUR_MS, { wallMs: 7, orgId: 'birch', state: 'crashed' });
      await metrics.flush();
      await rollUp();
    }
    const rolled = await answers(DAY_MS);
    await fixture.db.sql`DELETE FROM rollup_progress`;
    expect(await answers(DAY_MS)).toEqual(rolled);
  });

  it('takes what comes late, also when it comes while it is at it', async () => {
    record(DAY);
    await metrics.flush();
    await rollUp();
    const late = createMetricsCollector({ db: fixture.db, clock: systemClock, log: silentLogger, flushMs: HOUR_MS });
    for (let n = 0; n < 20; n += 1) {
      late.record({ orgId: ORG, runId: 'r', agent: 'echo', version: 1, tier: 'basic', state: 'succeeded', errorCode: null, finishedAtMs: DAY + n, queueWaitMs: 1, usage: null });
      await Promise.all([late.flush(), rollUp()]);
    }
    await rollUp();
    await fixture.db.sql`DELETE FROM run_metrics`;
    expect((await read({ stepMs: DAY_MS })).total.runs).toBe(21);
    await late.stop(Deadline.in(1000));
  });

  it('leaves alone what is too young, and says how far it is', async () => {
    record(DAY + 5000);
    record(DAY + 65_000);
    await metrics.flush();
    await rollUp(DAY + 80_000);
    expect((await adminReadRollupProgress(fixture.db))[60]).toBe(DAY + 60_000);
    expect(await fixture.db.sql`SELECT DISTINCT bucket_at FROM run_metrics_1m`).toHaveLength(1);
    // A clock that goes back takes nothing back.
    await rollUp(DAY - HOUR_MS);
    expect((await adminReadRollupProgress(fixture.db))[60]).toBe(DAY + 60_000);
    expect((await read({ stepMs: 60_000 })).total.runs).toBe(2);
  });
});

describe('partitions', () => {
  it('are made at midnight by whoever writes first, where nobody made them ahead', async () => {
    record(DAY - 1);
    record(DAY);
    await metrics.flush();
    metrics.sample([{ atMs: DAY, workerId: 'wkr_1', subject: 'worker', subjectId: 'wkr_1', orgId: null, running: 1, slots: 4, limitMb: null, usedMb: 90, cpuMs: 1, eventLoopDelayMs: 2, runs: 5, failures: 0, deaths: null }]);
    metrics.sample([{ atMs: DAY + 60_000, workerId: 'wkr_1', subject: 'worker', subjectId: 'wkr_1', orgId: null, running: 3, slots: 4, limitMb: null, usedMb: 95, cpuMs: 30_001, eventLoopDelayMs: 9, runs: 25, failures: 2, deaths: null }]);
    await metrics.flush();
    expect(metrics.droppedCount).toBe(0);
    const { workers, utilisation } = await read({ groupBy: 'worker', from: iso(DAY), to: iso(DAY + HOUR_MS), stepMs: 60_000 });
    expect(workers).toEqual([{ workerId: 'wkr_1', runs: 20, failures: 2, slotUtilisation: 0.5, meanRunning: 2, mostMb: 95, cpuUtilisation: 0.5, worstEventLoopDelayMs: 9 }]);
    expect(utilisation.slots).toBe(0.5);
    expect((await read({ from: iso(DAY - HOUR_MS), to: iso(DAY + HOUR_MS) })).total.runs).toBe(2);
  });

  it('are made ahead, and dropped past their retention unless they wait to be rolled up', async () => {
    record(DAY);
    await metrics.flush();
    const daysOf = async (table: string) => (await fixture.db.sql`SELECT inhrelid::regclass::text AS name FROM pg_inherits WHERE inhparent = ${table}::regclass ORDER BY 1`).map((row) => row['name']);
    await adminKeepMetricPartitions(fixture.db, AFTER_MS + 3 * DAY_MS, 2, RETENTION);
    expect(await daysOf('run_metrics')).toContain('run_metrics_p20260308');
    await rollUp(AFTER_MS + 3 * DAY_MS);
    await adminKeepMetricPartitions(fixture.db, AFTER_MS + 3 * DAY_MS, 2, RETENTION);
    const left = await daysOf('run_metrics');
    expect(left).not.toContain('run_metrics_p20260308');
    expect(left).toEqual(expect.arrayContaining(['run_metrics_p20260313', 'run_metrics_p20260314', 'run_metrics_p20260315']));
    expect((await read({ stepMs: DAY_MS })).total.runs).toBe(1);
  });
});

describe('the usage of an organization', () => {
  it('is its own, by agent or version, without its name before them', async () => {
    recordTwoDays();
    await metrics.flush();
    await rollUp();
    const deps = { db: fixture.db, clock: { ...systemClock, nowMs: () => AFTER_MS } };
    const usage = await readUsage(deps, 'birch', { from: iso(DAY), to: iso(DAY + 2 * DAY_MS), windowMs: HOUR_MS, groupBy: 'version' });
    expect(usage.total.runs).toBe(667);
    expect(usage.groups.map(({ key }) => key).sort()).toEqual(['echo@1', 'other@2']);
    expect(usage.groups.reduce((sum, { runs }) => sum + runs, 0)).toBe(667);
  });
});

/**
 * Breaks off the rollup at its first, second, ... statement that changes one of its tables, and begins again each time. The
 * statements are counted by a sequence, which a broken transaction does not take back.
 */
async function breakOffAtEachStatement(): Promise<void> {
  const { sql } = fixture.db;
  await sql.unsafe(`
    CREATE SEQUENCE statements_seen;
    CREATE SEQUENCE break_at;
    CREATE FUNCTION maybe_break() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
      IF nextval('statements_seen') = (SELECT last_value FROM break_at) THEN RAISE EXCEPTION 'broken off'; END IF;
      RETURN NULL;
    END $$;
    ${['rollup_pending', 'run_metrics_1m', 'run_metrics_1h', 'run_metrics_1d', 'organization_totals', 'system_metrics', 'rollup_progress'].map((table) => `
      CREATE TRIGGER maybe_break AFTER INSERT OR UPDATE OR DELETE ON ${table} FOR EACH STATEMENT EXECUTE FUNCTION maybe_break();`).join('')}`);
  let brokenOff = 0;
  for (let at = 1; at <= 24; at += 1) {
    await sql`SELECT setval('statements_seen', 1, false), setval('break_at', ${at})`;
    // A bucket at a time, so that later statements of the procedure are reached as well.
    await adminRollUpRunMetrics(fixture.db, AFTER_MS, at).then(() => undefined, () => { brokenOff += 1; });
  }
  expect(brokenOff).toBeGreaterThan(12);
  await sql`SELECT setval('break_at', 1000000000)`;
}

describe('while Postgres restarts under load', () => {
  it('nothing is lost, and nothing counted twice', async () => {
    await using proxy = await createPostgresProxy(fixture.url);
    const db = createDatabase({ url: proxy.url, maxConnections: 2 });
    const collector = createMetricsCollector({ db, clock: systemClock, log: silentLogger, flushMs: 1 });
    for (let n = 0; n < 500; n += 1) {
      collector.record({ orgId: ORG, runId: 'r', agent: 'echo', version: 1, tier: 'basic', state: 'succeeded', errorCode: null, finishedAtMs: DAY + n * 100, queueWaitMs: 1, usage: null });
      if (n % 100 === 50) await proxy.cut();
      if (n % 100 === 90) await proxy.restore();
      if (n % 10 === 0) await collector.flush().catch(() => undefined);
    }
    await collector.stop(Deadline.in(20_000));
    await db.stop(Deadline.in(1000));
    expect(collector.droppedCount).toBe(0);
    expect((await read({})).total.runs).toBe(500);
  });
});
