import type { FinishedRun } from '@bullpen/core';
import type { Database } from '@bullpen/db';

/** What the benchmark of the metrics measures with: runs, the same as plain rows, and a month of rollups. */

/** A fixed sequence of numbers in [0, 1). Source: Numerical Recipes' linear congruential generator. */
function sequence(seed: number): () => number {
  let state = seed;
  return () => (state = (state * 1_664_525 + 1_013_904_223) % 2 ** 32) / 2 ** 32;
}

/** Log-normal by Box and Muller, around `medianMs`: nine in ten within a factor of four. */
function logNormal(random: () => number, medianMs: number): number {
  return medianMs * Math.exp(0.85 * Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random()));
}

/** Runs of organizations with two agents each, finished within ten seconds; each organization has its own typical length. */
export function finishedRuns(count: number, organizations: number, untilMs: number): FinishedRun[] {
  const random = sequence(42);
  return Array.from({ length: count }, (_, n) => {
    const org = Math.floor(random() * organizations);
    const wallMs = logNormal(random, 20 + (org % 37) * 30);
    return {
      orgId: `org-${org}`, runId: `run_${n}`, agent: random() < 0.5 ? 'agent-a' : 'agent-b', version: 1, tier: 'basic', state: random() < 0.03 ? 'failed' : 'succeeded', errorCode: null,
      finishedAtMs: untilMs - 10_000 + Math.floor((n / count) * 10_000), queueWaitMs: logNormal(random, 4),
      usage: { wallMs, cpuMs: wallMs * 0.4, peakHeapMb: 20, peakExternalMb: 1, gbSeconds: wallMs * 0.0000625 },
    };
  });
}

/** For `sql(rows)`: the columns of plain_runs. */
export function columnsOfRuns(runs: readonly FinishedRun[]) {
  return runs.map(({ orgId, agent, version, tier, state, finishedAtMs, queueWaitMs, usage }) => ({
    org_id: orgId, agent, version, tier, outcome: state, finished_at: new Date(finishedAtMs).toISOString(), wall_ms: usage?.wallMs ?? 0, cpu_ms: usage?.cpuMs ?? 0,
    gb_seconds: usage?.gbSeconds ?? 0, queue_wait_ms: queueWaitMs,
  }));
}

/** By nearest rank. */
export function exactQuantile(sorted: readonly number[], q: number): number {
  return sorted[Math.ceil(q * sorted.length) - 1] ?? Number.NaN;
}

/** The yardstick of the queries. */
export async function percentileContMs(db: Database): Promise<number> {
  const tookMs: number[] = [];
  for (let n = 0; n < 5; n += 1) {
    const startedMs = performance.now();
    await db.sql`SELECT org_id, count(*), sum(cpu_ms), sum(gb_seconds), percentile_cont(ARRAY[0.5, 0.9, 0.95, 0.99]) WITHIN GROUP (ORDER BY wall_ms),
      percentile_cont(ARRAY[0.5, 0.95, 0.99]) WITHIN GROUP (ORDER BY queue_wait_ms) FROM plain_runs GROUP BY org_id`;
    tookMs.push(performance.now() - startedMs);
  }
  return tookMs.sort((a, b) => a - b)[2] ?? Number.NaN;
}

const MOLDS = 200;
const RUNS_PER_ROW = 400;
/** Of the others only running totals are read: rows of theirs would take the seeding minutes. */
const ORGANIZATIONS_WITH_ROWS = 100;

/**
 * A month as the rollups leave it: running totals of every organization; days, and the hours of today, of a hundred of them, whole
 * and per agent and outcome, and of the system. The
 * histograms are of 400 runs each, of 200 kinds, so that they have as many bins as real ones.
 */
export async function seedMonth(db: Database, { organizations, days, nowMs }: { organizations: number; days: number; nowMs: number }): Promise<void> {
  const { sql } = db;
  const random = sequence(7);
  const dayMs = 86_400_000;
  const today = new Date(Math.floor(nowMs / dayMs) * dayMs).toISOString();
  const from = new Date(Date.parse(today) - days * dayMs).toISOString();
  const hour = new Date(Math.floor(nowMs / 3_600_000) * 3_600_000).toISOString();
  await sql`CREATE UNLOGGED TABLE molds (id integer PRIMARY KEY, wall bigint[], cpu bigint[], wait bigint[])`;
  await sql`INSERT INTO molds ${sql(Array.from({ length: MOLDS }, (_, id) => ({ id, wall: histogramText(random, 20 + (id % 37) * 30), cpu: histogramText(random, 8 + id % 37), wait: histogramText(random, 4) })))}`;
  await sql`SELECT make_metric_partition('run_metrics_1d', at), make_metric_partition('run_metrics_1h', at) FROM generate_series(${from}::timestamptz, ${today}::timestamptz + interval '1 day', interval '1 day') AS at`;
  for (const [table, since, until, step] of [['run_metrics_1d', from, today, '1 day'], ['run_metrics_1h', today, hour, '1 hour']] as const) {
    await sql`
      INSERT INTO ${sql(table)} (bucket_at, org_id, agent, version, tier, outcome, runs, failures, wall_ms, cpu_ms, gb_seconds, queue_wait_ms, worst_queue_wait_ms, egress_bytes, tokens,
        wall_histogram, cpu_histogram, queue_wait_histogram)
      SELECT at, 'org-' || n, kind.agent, kind.version, kind.tier, kind.outcome, ${RUNS_PER_ROW}, 12, 90000, 36000, 5.6 + n % 40, 1800, 90, 0, 0, molds.wall, molds.cpu, molds.wait
      FROM generate_series(${since}::timestamptz, ${until}::timestamptz - ${step}::interval, ${step}::interval) AS at
      CROSS JOIN (VALUES ('*', 0, '*', '*'), ('agent-a', 1, 'basic', 'succeeded'), ('agent-a', 1, 'basic', 'failed')) AS kind (agent, version, tier, outcome)
      CROSS JOIN generate_series(0, ${Math.min(organizations, ORGANIZATIONS_WITH_ROWS) - 1}) AS n
      JOIN molds ON molds.id = (n * 31 + extract(epoch FROM at)::bigint / 3600) % ${MOLDS}
      ON CONFLICT DO NOTHING`;
    await sql`
      INSERT INTO system_metrics (step_s, bucket_at, tier, outcome, runs, failures, wall_ms, cpu_ms, gb_seconds, queue_wait_ms, worst_queue_wait_ms, egress_bytes, tokens,
        wall_histogram, cpu_histogram, queue_wait_histogram)
      SELECT extract(epoch FROM ${step}::interval), at, 'basic', outcome, ${RUNS_PER_ROW * organizations}, 12, 90000, 36000, 5600, 1800, 90, 0, 0, molds.wall, molds.cpu, molds.wait
      FROM generate_series(${since}::timestamptz, ${until}::timestamptz - ${step}::interval, ${step}::interval) AS at CROSS JOIN (VALUES ('succeeded'), ('failed')) AS kind (outcome)
      JOIN molds ON molds.id = extract(epoch FROM at)::bigint / 3600 % ${MOLDS}
      ON CONFLICT DO NOTHING`;
  }
  await seedTotals(db, { organizations, untilMs: [Date.parse(from), Date.parse(today), Date.parse(hour)] });
  await sql`INSERT INTO rollup_progress SELECT step_s, bucket_of(${new Date(nowMs).toISOString()}::timestamptz - interval '15 s', step_s) FROM (VALUES (60), (3600), (86400)) AS level (step_s)
    ON CONFLICT (step_s) DO UPDATE SET rolled_until = excluded.rolled_until`;
  for (const table of ['run_metrics_1d', 'run_metrics_1h', 'organization_totals', 'system_metrics']) await sql`VACUUM (ANALYZE) ${sql(table)}`;
}

/** Running totals, as they stand at a few times: before the month, last midnight and now; each has what the one before has. */
async function seedTotals({ sql }: Database, { organizations, untilMs }: { organizations: number; untilMs: readonly number[] }): Promise<void> {
  const random = sequence(11);
  for (let n = 0; n < organizations; n += 1) {
    const histograms = [20 + (n % 37) * 30, 8 + n % 37, 4].map((medianMs) => ({ medianMs, counts: new Map<number, number>() }));
    const rows = untilMs.map((ms, index) => {
      const [wall = '', cpu = '', wait = ''] = histograms.map(({ medianMs, counts }) => {
        countRuns(random, medianMs, 600, counts);
        return storedText(counts);
      });
      const times = (index + 1) * 20;
      return {
        org_id: `org-${n}`, until_at: new Date(ms).toISOString(), runs: RUNS_PER_ROW * times, failures: 12 * times, wall_ms: 90_000 * times, cpu_ms: 36_000 * times,
        gb_seconds: (5.6 + n % 40) * times, queue_wait_ms: 1800 * times, egress_bytes: 0, tokens: 0, wall_histogram: wall, cpu_histogram: cpu, queue_wait_histogram: wait,
      };
    });
    await sql`INSERT INTO organization_totals ${sql(rows)}`;
  }
}

function histogramText(random: () => number, medianMs: number): string {
  return storedText(countRuns(random, medianMs, RUNS_PER_ROW, new Map()));
}

function countRuns(random: () => number, medianMs: number, runs: number, counts: Map<number, number>): Map<number, number> {
  for (let n = 0; n < runs; n += 1) {
    const bin = Math.ceil(Math.log(logNormal(random, medianMs)) / Math.log(1.01 / 0.99));
    counts.set(bin, (counts.get(bin) ?? 0) + 1);
  }
  return counts;
}

function storedText(counts: ReadonlyMap<number, number>): string {
  return `{${[...counts].sort(([a], [b]) => a - b).map(([bin, count]) => (bin + 1000) * 2 ** 32 + count).join(',')}}`;
}
