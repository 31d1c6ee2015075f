import type postgres from 'postgres';

import { arrayLiteral, timeText } from '../array-literal.ts';
import type { Database } from '../database.ts';
import { reading } from '../postgres-errors.ts';
import type { RollupStep } from '../admin/roll-up.ts';
import type { RunSums } from './add-run-metrics.ts';

/** Whole buckets that begin in [fromMs, toMs), ms since the epoch. */
export interface MetricsWindow {
  fromMs: number;
  toMs: number;
}

/** A window of one level: 10 is what collectors wrote, the others are rolled up. */
export interface MetricSegment extends MetricsWindow {
  levelS: 10 | RollupStep;
}

export const METRIC_GROUPS = ['none', 'organization', 'agent', 'version', 'outcome', 'tier'] as const;
export type MetricGroup = (typeof METRIC_GROUPS)[number];

export interface MetricSelection {
  groupBy: MetricGroup;
  /** One organization only. */
  orgId?: string;
  /** These groups only. */
  keys?: readonly string[];
}

export interface RunSumsRow extends RunSums {
  /** Of its group: id of the organization, `org/agent`, `org/agent@version`, outcome, tier; empty where all are one. */
  key: string;
  /** Start of the step, ms since the epoch; 0 where the window was not divided. */
  atMs: number;
}

/**
 * Sums per group, and per step where one is given. Groups of organizations are read off the indexes run_metrics_*_organizations
 * alone, those of all organizations together from system_metrics, one organization by run_metrics_*_of_org.
 */
export async function readRunSums(db: Database, segment: MetricSegment, selection: MetricSelection, stepMs: number | null): Promise<RunSumsRow[]> {
  const rows = await reading(async () => asWhoAsks(db, selection, (sql) => sql<RunSumsRow[]>`
    SELECT ${keyOf(sql, selection)} AS key, ${stepOf(sql, stepMs)} AS "atMs", sum(runs)::bigint AS runs, sum(failures)::bigint AS failures, sum(wall_ms) AS "wallMs",
      sum(cpu_ms) AS "cpuMs", sum(gb_seconds) AS "gbSeconds", sum(queue_wait_ms) AS "queueWaitMs", max(worst_queue_wait_ms) AS "worstQueueWaitMs",
      sum(egress_bytes) AS "egressBytes", sum(tokens) AS tokens
    FROM ${source(sql, segment, selection)}
    GROUP BY 1, 2`));
  return [...rows];
}

/** Histograms of one row: arrays as Postgres writes them (`{n,n,...}`, each `(bin + 1000) * 2^32 + count`), or text (`gap:count,...`; histogram_text). */
export interface HistogramRow {
  key: string;
  /** As in `RunSumsRow`. */
  atMs: number;
  wall: string;
  cpu: string;
  queueWait: string;
}

/** The histograms of the window, row by row: adding them up takes Postgres ten times as long as it takes us. */
export async function readRunHistograms(db: Database, segment: MetricSegment, selection: MetricSelection, stepMs: number | null): Promise<HistogramRow[]> {
  const rows = await reading(async () => asWhoAsks(db, selection, (sql) => sql<HistogramRow[]>`
    SELECT ${keyOf(sql, selection)} AS key, ${stepOf(sql, stepMs)} AS "atMs", ${histogramsOf(sql, segment, selection)}
    FROM ${source(sql, segment, selection)}`));
  return [...rows];
}

/** Sums and histograms together, row by row: for selections that have few rows, as all organizations as one. */
export async function readRunRows(db: Database, segment: MetricSegment, selection: MetricSelection, stepMs: number): Promise<(RunSumsRow & HistogramRow)[]> {
  const rows = await reading(async () => asWhoAsks(db, selection, (sql) => sql<(RunSumsRow & HistogramRow)[]>`
    SELECT ${keyOf(sql, selection)} AS key, ${stepOf(sql, stepMs)} AS "atMs", runs, failures, wall_ms AS "wallMs",
      cpu_ms AS "cpuMs", gb_seconds AS "gbSeconds", queue_wait_ms AS "queueWaitMs", worst_queue_wait_ms AS "worstQueueWaitMs", egress_bytes AS "egressBytes", tokens,
      ${histogramsOf(sql, segment, selection)}
    FROM ${source(sql, segment, selection)}`));
  return [...rows];
}

/** What concerns one organization is read as the tenant, behind row level security; what concerns all, as the owner. */
function asWhoAsks<T>(db: Database, { orgId }: MetricSelection, read: (sql: postgres.Sql) => PromiseLike<T>): PromiseLike<T> {
  return orgId === undefined ? read(db.sql) : db.tenant(orgId, ({ sql }) => read(sql));
}

/** The start of the step that a bucket lies in, ms since the epoch. */
function stepOf(sql: postgres.Sql, stepMs: number | null): postgres.Fragment {
  return stepMs === null ? sql`0::bigint` : sql`((extract(epoch FROM bucket_at) * 1000)::bigint / ${stepMs}::bigint * ${stepMs}::bigint)`;
}

const ROLLED_UP: Readonly<Record<RollupStep, string>> = { 60: 'run_metrics_1m', 3600: 'run_metrics_1h', 86_400: 'run_metrics_1d' };

/** The groups that lie in system_metrics, as long as no single organization is asked for. */
const OF_SYSTEM: readonly MetricGroup[] = ['none', 'outcome', 'tier'];

function histogramsOf(sql: postgres.Sql, { levelS }: MetricSegment, { groupBy, orgId }: MetricSelection): postgres.Fragment {
  const hasText = levelS >= 3600 || (levelS === 60 && orgId === undefined && OF_SYSTEM.includes(groupBy));
  return hasText
    ? sql`wall_text AS wall, cpu_text AS cpu, queue_wait_text AS "queueWait"`
    : sql`wall_histogram::text AS wall, cpu_histogram::text AS cpu, queue_wait_histogram::text AS "queueWait"`;
}

/** Table and conditions. */
function source(sql: postgres.Sql, { levelS, fromMs, toMs }: MetricSegment, selection: MetricSelection): postgres.Fragment {
  const { groupBy, orgId, keys } = selection;
  const window = sql`bucket_at >= ${timeText(fromMs)}::timestamptz AND bucket_at < ${timeText(toMs)}::timestamptz`;
  const ofOrg = orgId === undefined ? sql`` : sql`AND org_id = ${orgId}`;
  const ofKeys = keys === undefined ? sql`` : sql`AND ${keyOf(sql, selection)} = ANY (${arrayLiteral(keys)}::text[])`;
  if (levelS === 10) return sql`run_metrics WHERE ${window} ${ofOrg} ${ofKeys}`;
  if (orgId === undefined && OF_SYSTEM.includes(groupBy)) return sql`system_metrics WHERE step_s = ${levelS} AND ${window} ${ofKeys}`;
  const wholeOrganizations = groupBy === 'organization' || groupBy === 'none';
  return sql`${sql.unsafe(ROLLED_UP[levelS])} WHERE ${window} ${wholeOrganizations ? sql`AND agent = '*'` : sql`AND agent <> '*'`} ${ofOrg} ${ofKeys}`;
}

function keyOf(sql: postgres.Sql, { groupBy }: MetricSelection): postgres.Fragment {
  switch (groupBy) {
    case 'none': return sql`''`;
    case 'organization': return sql`org_id`;
    case 'agent': return sql`(org_id || '/' || agent)`;
    case 'version': return sql`(org_id || '/' || agent || '@' || version)`;
    case 'outcome': return sql`outcome`;
    case 'tier': return sql`tier`;
  }
}
