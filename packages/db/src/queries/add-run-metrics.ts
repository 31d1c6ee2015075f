import { column, timeText } from '../array-literal.ts';
import type { Database } from '../database.ts';
import { postgresCodeOf, reaching } from '../postgres-errors.ts';

/** `(bin + 1000) * 2^32 + count`, in the order of the bins. */
export type StoredHistogram = readonly number[];

/** What finished runs add up to. */
export interface RunSums {
  runs: number;
  /** Those of them that the agent or a limit ended, not their caller. */
  failures: number;
  wallMs: number;
  cpuMs: number;
  gbSeconds: number;
  queueWaitMs: number;
  worstQueueWaitMs: number;
  egressBytes: number;
  tokens: number;
}

/** Finished runs of one organization, agent, version, tier and outcome within 10 s, added up. */
export interface RunMetricsCell extends RunSums {
  /** Start of the 10 s, ms since the epoch: a multiple of 10,000. */
  bucketAtMs: number;
  orgId: string;
  agent: string;
  version: number;
  tier: string;
  outcome: string;
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

const DAY_MS = 86_400_000;
/** What Postgres says of a row that no partition is there for. */
const CHECK_VIOLATION = '23514';

/**
 * Inserts the cells of a batch, notes the minutes they lie in for the rollup, and remembers the batch, in one statement: all
 * or nothing. A batch that was added before changes nothing. Cells of an organization that is gone are left out. A day
 * whose partition nobody has made yet gets it.
 *
 * @returns how many cells were added; null where the batch had been added before.
 */
export async function addRunMetrics(db: Database, batch: RunMetricsBatch): Promise<number | null> {
  try {
    return await reaching(() => insertBatch(db, batch));
  } catch (error) {
    if (postgresCodeOf(error) !== CHECK_VIOLATION) throw error;
    const days = [...new Set(batch.cells.map(({ bucketAtMs }) => Math.floor(bucketAtMs / DAY_MS) * DAY_MS))];
    await makeMetricPartitions(db, 'run_metrics', days);
    return reaching(() => insertBatch(db, batch));
  }
}

/** Makes the partitions that hold these times, where they are missing. */
export async function makeMetricPartitions(db: Database, table: 'run_metrics' | 'runtime_samples', timesMs: readonly number[]): Promise<void> {
  await reaching(() => db.sql`SELECT make_metric_partition(${table}, at) FROM unnest(${column(timesMs, (ms) => timeText(ms))}::timestamptz[]) AS at`);
}

async function insertBatch({ sql }: Database, { writerId, number, cells }: RunMetricsBatch): Promise<number | null> {
  const texts = (of: (cell: RunMetricsCell) => string) => sql`${column(cells, of)}::text[]`;
  const doubles = (of: (cell: RunMetricsCell) => number) => sql`${column(cells, of)}::double precision[]`;
  const histograms = (of: (cell: RunMetricsCell) => StoredHistogram) => texts((cell) => `{${of(cell).join(',')}}`);
  const [added] = await sql<{ isNew: boolean; cells: number }[]>`
    WITH fresh AS (
      INSERT INTO metric_writers (id, last_batch) VALUES (${writerId}, ${number})
      ON CONFLICT (id) DO UPDATE SET last_batch = excluded.last_batch, seen_at = now()
        WHERE metric_writers.last_batch < excluded.last_batch
      RETURNING id
    ), added AS (
      INSERT INTO run_metrics (
        bucket_at, org_id, agent, version, tier, outcome, writer_id, batch, runs, failures, wall_ms, cpu_ms, gb_seconds, queue_wait_ms,
        worst_queue_wait_ms, egress_bytes, tokens, wall_histogram, cpu_histogram, queue_wait_histogram)
      SELECT
        bucket_at, org_id, agent, version, tier, outcome, ${writerId}, ${number}, runs, failures, wall_ms, cpu_ms, gb_seconds, queue_wait_ms,
        worst_queue_wait_ms, egress_bytes, tokens, wall::bigint[], cpu::bigint[], queue_wait::bigint[]
      FROM unnest(
        ${column(cells, (cell) => timeText(cell.bucketAtMs))}::timestamptz[], ${texts((cell) => cell.orgId)}, ${texts((cell) => cell.agent)},
        ${column(cells, (cell) => cell.version)}::integer[], ${texts((cell) => cell.tier)}, ${texts((cell) => cell.outcome)},
        ${column(cells, (cell) => cell.runs)}::bigint[], ${column(cells, (cell) => cell.failures)}::bigint[],
        ${doubles((cell) => cell.wallMs)}, ${doubles((cell) => cell.cpuMs)}, ${doubles((cell) => cell.gbSeconds)},
        ${doubles((cell) => cell.queueWaitMs)}, ${doubles((cell) => cell.worstQueueWaitMs)}, ${doubles((cell) => cell.egressBytes)},
        ${doubles((cell) => cell.tokens)},
        ${histograms((cell) => cell.wallHistogram)}, ${histograms((cell) => cell.cpuHistogram)}, ${histograms((cell) => cell.queueWaitHistogram)}
      ) AS given (
        bucket_at, org_id, agent, version, tier, outcome, runs, failures, wall_ms, cpu_ms, gb_seconds, queue_wait_ms,
        worst_queue_wait_ms, egress_bytes, tokens, wall, cpu, queue_wait)
      WHERE EXISTS (SELECT 1 FROM fresh) AND EXISTS (SELECT 1 FROM organizations o WHERE o.id = given.org_id)
      RETURNING bucket_at
    ), noted AS (
      INSERT INTO rollup_pending AS p (step_s, bucket_at, writer_id)
      SELECT DISTINCT 60, bucket_of(bucket_at, 60), ${writerId} FROM added ORDER BY 2
      -- Written, not only looked at: who rolls the minute up waits for this row, and then sees what came with it.
      ON CONFLICT (step_s, bucket_at, writer_id) DO UPDATE SET writer_id = p.writer_id
    )
    SELECT EXISTS (SELECT 1 FROM fresh) AS "isNew", (SELECT count(*) FROM added) AS cells`;
  return added?.isNew ? added.cells : null;
}

/** Removes writers that have been silent for a week: their last batch cannot be under way any more. */
export async function forgetMetricWriters(db: Database): Promise<void> {
  await reaching(() => db.sql`DELETE FROM metric_writers WHERE seen_at < now() - interval '7 days'`);
}
