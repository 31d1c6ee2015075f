import { arrayLiteral, timeText } from '../array-literal.ts';
import type { Database } from '../database.ts';
import { reading } from '../postgres-errors.ts';

/** Whole buckets that begin in [fromMs, toMs), ms since the epoch. */
export interface MetricsWindow {
  fromMs: number;
  toMs: number;
}

export interface RunTotals {
  orgId: string;
  runs: number;
  failures: number;
  cpuMs: number;
  gbSeconds: number;
}

/** Per organization that has runs in the window, by the primary key of run_metrics. `failures`: runs of these outcomes. */
export async function adminReadRunTotals(
  db: Database, { fromMs, toMs }: MetricsWindow, failureOutcomes: readonly string[],
): Promise<RunTotals[]> {
  const rows = await reading(() => db.sql<RunTotals[]>`
    SELECT org_id AS "orgId", sum(runs)::bigint AS runs,
      coalesce(sum(runs) FILTER (WHERE outcome = ANY (${arrayLiteral(failureOutcomes)}::text[])), 0)::bigint AS failures,
      sum(cpu_ms) AS "cpuMs", sum(gb_seconds) AS "gbSeconds"
    FROM run_metrics
    WHERE bucket_at >= ${timeText(fromMs)}::timestamptz AND bucket_at < ${timeText(toMs)}::timestamptz
    GROUP BY org_id
    ORDER BY org_id`);
  return [...rows];
}

export interface HistogramBin {
  orgId: string;
  measure: 'wall' | 'queue_wait';
  bin: number;
  count: number;
}

/** The histograms of the window, added up per organization, by the primary key of run_metrics. */
export async function adminReadRunHistograms(db: Database, { fromMs, toMs }: MetricsWindow): Promise<HistogramBin[]> {
  const rows = await reading(() => db.sql<HistogramBin[]>`
    SELECT org_id AS "orgId", measure, entry.bin::integer AS bin, sum(entry.count::bigint)::bigint AS count
    FROM run_metrics
    CROSS JOIN LATERAL (VALUES ('wall', wall_histogram), ('queue_wait', queue_wait_histogram)) AS measures (measure, histogram)
    CROSS JOIN LATERAL jsonb_each_text(histogram) AS entry (bin, count)
    WHERE bucket_at >= ${timeText(fromMs)}::timestamptz AND bucket_at < ${timeText(toMs)}::timestamptz
    GROUP BY org_id, measure, entry.bin`);
  return [...rows];
}

export interface SeriesPoint {
  /** Start of the step: a multiple of its length, ms since the epoch. */
  atMs: number;
  orgId: string;
  runs: number;
  failures: number;
}

/** Runs per step and organization, oldest first, without the empty ones; by the primary key of run_metrics. */
export async function adminReadRunSeries(
  db: Database, { fromMs, toMs, stepMs }: MetricsWindow & { stepMs: number }, failureOutcomes: readonly string[],
): Promise<SeriesPoint[]> {
  const rows = await reading(() => db.sql<SeriesPoint[]>`
    SELECT (extract(epoch FROM bucket_at) * 1000)::bigint / ${stepMs}::bigint * ${stepMs}::bigint AS "atMs", org_id AS "orgId",
      sum(runs)::bigint AS runs,
      coalesce(sum(runs) FILTER (WHERE outcome = ANY (${arrayLiteral(failureOutcomes)}::text[])), 0)::bigint AS failures
    FROM run_metrics
    WHERE bucket_at >= ${timeText(fromMs)}::timestamptz AND bucket_at < ${timeText(toMs)}::timestamptz
    GROUP BY 1, 2
    ORDER BY 1, 2`);
  return [...rows];
}
