import { Deadline, runtimeMetricsQuerySchema, silentLogger, systemClock, type FinishedRun, type RuntimeMetrics, type RuntimeMetricsQuery } from '@bullpen/core';
import { adminRollUpRunMetrics, createDatabase, type Database } from '@bullpen/db';
import { createMetricsCollector, readRuntimeMetrics } from '@bullpen/metrics';

import type { BenchContext, BenchOutcome } from './bench.ts';
import { columnsOfRuns, exactQuantile, finishedRuns, percentileContMs, seedMonth } from './metrics-data.ts';
import { median, quantile } from './statistics.ts';
import { statusMs } from './status.ts';

/**
 * How many finished runs a second go into the time series, how fast do questions about a month come out of the rollups, and how
 * right are they? Ingest: runs of 1,000 organizations as one collector takes them at 20,000 a second, until Postgres has
 * committed them; beside it the same runs as plain rows, 1,000 to an INSERT. Query: what GET /api/admin/runtime/metrics
 * answers for 30 days x 1,000 organizations (series, totals with percentiles, the organizations that used most with theirs; one
 * organization by agent; outcomes); beside it percentile_cont by organization over the plain rows of this benchmark, which
 * are ten seconds instead of a month. Status: what GET /api/admin/runtime/status takes with as many organizations.
 */
const ORGANIZATIONS = 1000;
const RUNS = 200_000;
const RUNS_PER_FLUSH = 20_000;
const ROWS_PER_INSERT = 1000;
const DAYS = 30;
const QUERIES_PER_ROUND = 40;
const NOW_MS = Date.parse('2026-03-10T14:17:45.000Z');
const CLOCK = { ...systemClock, nowMs: () => NOW_MS };

interface Round {
  oursPerS: number;
  plainPerS: number;
  queryMs: number[];
}

export default async function metrics(context: BenchContext): Promise<BenchOutcome> {
  const db = createDatabase({ url: context.services.postgresUrl, maxConnections: 4 });
  await db.start();
  try {
    await prepare(db);
    const runs = finishedRuns(RUNS, ORGANIZATIONS, NOW_MS - 600_000);
    const rounds: Round[] = [];
    for (let round = 0; round < context.rounds; round += 1) {
      await db.sql`TRUNCATE run_metrics, plain_runs, rollup_pending`;
      rounds.push({ oursPerS: await ingest(db, runs), plainPerS: await insertPlain(db, runs), queryMs: [] });
      context.log(`round ${round + 1}: ingest ${Math.round(rounds.at(-1)?.oursPerS ?? 0)} runs/s, plain rows ${Math.round(rounds.at(-1)?.plainPerS ?? 0)} runs/s`);
    }
    const sizes = await sizesOf(db);
    const maxError = await maxPercentileError(db, runs);
    const plainMs = await percentileContMs(db);
    await seedMonth(db, { organizations: ORGANIZATIONS, days: DAYS, nowMs: NOW_MS });
    for (const round of rounds) round.queryMs = await queryMonth(db);
    return report(rounds, { sizes, maxError, plainMs, statusMs: await statusMs(context, ORGANIZATIONS) });
  } finally {
    await db.stop(Deadline.in(5000));
  }
}

async function prepare(db: Database): Promise<void> {
  await db.sql`INSERT INTO organizations (id, name, pool_mb, max_memory_mb, minimum_tier) SELECT 'org-' || n, 'org', 1024, 256, 'basic' FROM generate_series(0, ${ORGANIZATIONS - 1}) AS n`;
  await db.sql.unsafe(`CREATE TABLE plain_runs (org_id text NOT NULL, agent text NOT NULL, version integer NOT NULL, tier text NOT NULL, outcome text NOT NULL,
    finished_at timestamptz NOT NULL, wall_ms float8 NOT NULL, cpu_ms float8 NOT NULL, gb_seconds float8 NOT NULL, queue_wait_ms float8 NOT NULL);
    CREATE INDEX ON plain_runs (org_id, finished_at)`);
}

async function ingest(db: Database, runs: readonly FinishedRun[]): Promise<number> {
  const collector = createMetricsCollector({ db, clock: CLOCK, log: silentLogger });
  await collector.start();
  const startedMs = performance.now();
  for (let from = 0; from < runs.length; from += RUNS_PER_FLUSH) {
    for (let index = from; index < from + RUNS_PER_FLUSH; index += 1) collector.record(runs[index] as FinishedRun);
    await collector.flush();
  }
  const perS = runs.length / ((performance.now() - startedMs) / 1000);
  await collector.stop(Deadline.in(5000));
  const [row] = await db.sql<{ runs: number }[]>`SELECT sum(runs)::bigint AS runs FROM run_metrics`;
  if (row?.runs !== runs.length || collector.droppedCount > 0) throw new Error(`recorded ${runs.length} runs, the time series has ${row?.runs}`);
  return perS;
}

async function insertPlain(db: Database, runs: readonly FinishedRun[]): Promise<number> {
  const startedMs = performance.now();
  for (let from = 0; from < runs.length; from += ROWS_PER_INSERT) {
    await db.sql`INSERT INTO plain_runs ${db.sql(columnsOfRuns(runs.slice(from, from + ROWS_PER_INSERT)))}`;
  }
  return runs.length / ((performance.now() - startedMs) / 1000);
}

/** MB per million runs. */
async function sizesOf(db: Database): Promise<{ ours: number; plain: number }> {
  await adminRollUpRunMetrics(db, NOW_MS, 1000);
  const [row] = await db.sql<{ ours: number; plain: number }[]>`
    SELECT (SELECT sum(pg_total_relation_size(inhrelid)) FROM pg_inherits WHERE inhparent = 'run_metrics'::regclass)::float8 AS ours,
      pg_total_relation_size('plain_runs')::float8 AS plain`;
  const scale = 1_000_000 / RUNS / 2 ** 20;
  return { ours: (row?.ours ?? 0) * scale, plain: (row?.plain ?? 0) * scale };
}

/** The worst relative error of any percentile of any organization, and of all together, against the exact ones. */
async function maxPercentileError(db: Database, runs: readonly FinishedRun[]): Promise<number> {
  const { total, organizations } = await ask(db, { from: iso(NOW_MS - 1_200_000), limit: ORGANIZATIONS });
  const wallsOf = Map.groupBy(runs, (run) => run.orgId);
  const errors = organizations.flatMap((one) => errorsOf(one, (wallsOf.get(one.orgId) ?? []).map((run) => run.usage?.wallMs ?? 0)));
  if (organizations.length !== ORGANIZATIONS || total.runs !== runs.length) throw new Error(`the answer has ${organizations.length} organizations and ${total.runs} runs`);
  return Math.max(...errors, ...errorsOf(total, runs.map((run) => run.usage?.wallMs ?? 0)));
}

function errorsOf(figures: { p50Ms: number | null; p90Ms: number | null; p95Ms: number | null; p99Ms: number | null }, walls: number[]): number[] {
  const sorted = walls.sort((a, b) => a - b);
  return ([[0.5, figures.p50Ms], [0.9, figures.p90Ms], [0.95, figures.p95Ms], [0.99, figures.p99Ms]] as const)
    .map(([q, value]) => Math.abs((value ?? Number.NaN) / exactQuantile(sorted, q) - 1));
}

async function queryMonth(db: Database): Promise<number[]> {
  const month = { from: iso(NOW_MS - DAYS * 86_400_000) };
  const questions: Partial<RuntimeMetricsQuery>[] = [
    { ...month, groupBy: 'organization', limit: 50 },
    { ...month, groupBy: 'agent', orgId: 'org-7' },
    { ...month, groupBy: 'outcome' },
  ];
  const tookMs: number[] = [];
  // The first of each warms the connections.
  for (let n = -questions.length; n < QUERIES_PER_ROUND; n += 1) {
    const question = questions[Math.abs(n) % questions.length] ?? {};
    const startedMs = performance.now();
    const answer = await ask(db, question);
    if (n >= 0) tookMs.push(performance.now() - startedMs);
    if (answer.total.runs === 0 || answer.groups.length === 0) throw new Error('the month is empty');
  }
  return tookMs;
}

function ask(db: Database, query: Partial<RuntimeMetricsQuery>): Promise<RuntimeMetrics> {
  return readRuntimeMetrics({ db, clock: CLOCK }, runtimeMetricsQuerySchema.parse(query));
}

function report(rounds: readonly Round[], { sizes, maxError, plainMs, statusMs: tookMs }: { sizes: { ours: number; plain: number }; maxError: number; plainMs: number; statusMs: number[] }): BenchOutcome {
  const oursPerS = median(rounds.map((round) => round.oursPerS));
  const plainPerS = median(rounds.map((round) => round.plainPerS));
  const p95Ms = median(rounds.map((round) => quantile(round.queryMs, 0.95)));
  return {
    results: [
      { metric: 'ingest.runs_per_s', value: oursPerS, unit: '1/s', against: plainPerS, ratio: median(rounds.map((round) => round.oursPerS / round.plainPerS)) },
      { metric: 'query30d.p95_ms', value: p95Ms, unit: 'ms', against: plainMs, ratio: p95Ms / plainMs },
      { metric: 'query30d.p50_ms', value: median(rounds.map((round) => quantile(round.queryMs, 0.5))), unit: 'ms' },
      { metric: 'status.p95_ms', value: quantile(tookMs, 0.95), unit: 'ms' },
      { metric: 'status.p50_ms', value: quantile(tookMs, 0.5), unit: 'ms' },
      { metric: 'percentile.max_error', value: maxError, unit: 'ratio' },
      { metric: 'size.mb_per_million_runs', value: sizes.ours, unit: 'MB', against: sizes.plain, ratio: sizes.ours / sizes.plain },
    ],
  };
}

function iso(ms: number): string {
  return new Date(ms).toISOString();
}
