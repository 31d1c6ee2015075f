import { column, timeText } from '../array-literal.ts';
import type { Database } from '../database.ts';
import { reaching } from '../postgres-errors.ts';
import type { StoredHistogram } from '../schema.ts';

/** Finished runs of one organization, agent and outcome within 10 s, added up. */
export interface RunMetricsCell {
  /** Start of the 10 s, ms since the epoch: a multiple of 10,000. */
  bucketAtMs: number;
  orgId: string;
  agent: string;
  outcome: string;
  runs: number;
  wallMs: number;
  cpuMs: number;
  gbSeconds: number;
  queueWaitMs: number;
  wallHistogram: StoredHistogram;
  cpuHistogram: StoredHistogram;
  queueWaitHistogram: StoredHistogram;
}

/** Batches of one writer are numbered upwards and sent in order. */
export interface RunMetricsBatch {
  writerId: string;
  number: number;
  cells: readonly RunMetricsCell[];
}

/**
 * Adds the cells of a batch to what is there (primary key of run_metrics) and remembers the batch, in one statement:
 * both or neither. A batch that was added before changes nothing. Cells of an organization that is gone are left out.
 * Rows are locked in the order of their key, so that several writers do not wait for each other in a circle.
 *
 * @returns how many cells were added; null where the batch had been added before.
 */
export async function addRunMetrics(db: Database, { writerId, number, cells }: RunMetricsBatch): Promise<number | null> {
  const histograms = (of: (cell: RunMetricsCell) => StoredHistogram) => column(cells, (cell) => JSON.stringify(of(cell)));
  const [added] = await reaching(() => db.sql<{ isNew: boolean; cells: number }[]>`
    WITH fresh AS (
      INSERT INTO metric_writers (id, last_batch) VALUES (${writerId}, ${number})
      ON CONFLICT (id) DO UPDATE SET last_batch = excluded.last_batch, seen_at = now()
        WHERE metric_writers.last_batch < excluded.last_batch
      RETURNING id
    ), added AS (
      INSERT INTO run_metrics AS m (
        bucket_at, org_id, agent, outcome, runs, wall_ms, cpu_ms, gb_seconds, queue_wait_ms,
        wall_histogram, cpu_histogram, queue_wait_histogram)
      SELECT
        bucket_at, org_id, agent, outcome, runs, wall_ms, cpu_ms, gb_seconds, queue_wait_ms,
        wall_histogram::jsonb, cpu_histogram::jsonb, queue_wait_histogram::jsonb
      FROM unnest(
        ${column(cells, (cell) => timeText(cell.bucketAtMs))}::timestamptz[],
        ${column(cells, (cell) => cell.orgId)}::text[],
        ${column(cells, (cell) => cell.agent)}::text[],
        ${column(cells, (cell) => cell.outcome)}::text[],
        ${column(cells, (cell) => cell.runs)}::bigint[],
        ${column(cells, (cell) => cell.wallMs)}::double precision[],
        ${column(cells, (cell) => cell.cpuMs)}::double precision[],
        ${column(cells, (cell) => cell.gbSeconds)}::double precision[],
        ${column(cells, (cell) => cell.queueWaitMs)}::double precision[],
        ${histograms((cell) => cell.wallHistogram)}::text[],
        ${histograms((cell) => cell.cpuHistogram)}::text[],
        ${histograms((cell) => cell.queueWaitHistogram)}::text[]
      ) AS given (
        bucket_at, org_id, agent, outcome, runs, wall_ms, cpu_ms, gb_seconds, queue_wait_ms,
        wall_histogram, cpu_histogram, queue_wait_histogram)
      WHERE EXISTS (SELECT 1 FROM fresh) AND EXISTS (SELECT 1 FROM organizations o WHERE o.id = given.org_id)
      ORDER BY bucket_at, org_id, agent, outcome
      ON CONFLICT (bucket_at, org_id, agent, outcome) DO UPDATE SET
        runs = m.runs + excluded.runs,
        wall_ms = m.wall_ms + excluded.wall_ms,
        cpu_ms = m.cpu_ms + excluded.cpu_ms,
        gb_seconds = m.gb_seconds + excluded.gb_seconds,
        queue_wait_ms = m.queue_wait_ms + excluded.queue_wait_ms,
        wall_histogram = merge_histograms(m.wall_histogram, excluded.wall_histogram),
        cpu_histogram = merge_histograms(m.cpu_histogram, excluded.cpu_histogram),
        queue_wait_histogram = merge_histograms(m.queue_wait_histogram, excluded.queue_wait_histogram)
      RETURNING 1
    )
    SELECT EXISTS (SELECT 1 FROM fresh) AS "isNew", (SELECT count(*) FROM added) AS cells`);
  return added?.isNew ? added.cells : null;
}

/** Removes writers that have been silent for a week: their last batch cannot be under way any more. */
export async function forgetMetricWriters(db: Database): Promise<void> {
  await reaching(() => db.sql`DELETE FROM metric_writers WHERE seen_at < now() - interval '7 days'`);
}
