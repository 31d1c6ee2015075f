import { timeText } from '../array-literal.ts';
import type { Database } from '../database.ts';
import { reaching, reading } from '../postgres-errors.ts';

/** Buckets of the levels above 10 s, in seconds. */
export const ROLLUP_STEPS = [60, 3600, 86_400] as const;
export type RollupStep = (typeof ROLLUP_STEPS)[number];

/** Days that rows of each time series are kept at least, by the name of its table. */
export interface MetricRetention {
  run_metrics: number;
  run_metrics_1m: number;
  run_metrics_1h: number;
  run_metrics_1d: number;
  runtime_samples: number;
}

/**
 * Rolls up what waits and is old enough, each bucket in a transaction of its own. Broken off anywhere, the next call goes on;
 * while another process is at it, it does nothing.
 */
export async function adminRollUpRunMetrics(db: Database, asOfMs: number, mostBuckets = 500): Promise<void> {
  // In a statement of its own, and outside of a transaction: the procedure commits.
  await reaching(() => db.sql`CALL roll_up_run_metrics(${timeText(asOfMs)}::timestamptz, ${mostBuckets}::integer)`);
}

/** Makes the partitions of the days to come and drops what is past its retention. */
export async function adminKeepMetricPartitions(db: Database, asOfMs: number, aheadDays: number, retainDays: MetricRetention): Promise<void> {
  await reaching(() => db.sql`CALL keep_metric_partitions(${timeText(asOfMs)}::timestamptz, ${aheadDays}::integer, ${JSON.stringify(retainDays)}::text::jsonb)`);
}

/** Until when, ms since the epoch, each level is complete; 0 where it was never rolled up. */
export async function adminReadRollupProgress(db: Database): Promise<Record<RollupStep, number>> {
  const rows = await reading(() => db.sql<{ stepS: RollupStep; rolledUntil: string }[]>`SELECT step_s AS "stepS", rolled_until AS "rolledUntil" FROM rollup_progress`);
  const progress: Record<RollupStep, number> = { 60: 0, 3600: 0, 86_400: 0 };
  for (const { stepS, rolledUntil } of rows) progress[stepS] = Date.parse(rolledUntil);
  return progress;
}
