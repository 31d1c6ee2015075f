import { column, timeText } from '../array-literal.ts';
import type { Database } from '../database.ts';
import type { RetryWrite } from '../run-writes.ts';
import { keyOfRun } from './run-columns.ts';

/**
 * running -> retrying, by primary key, for the holder of the lease, unless a cancel was requested. Gives the keys of
 * the runs that moved.
 *
 * The state it leaves comes as a column (`leaving`): written out, it would let the planner take the index of running runs,
 * which it believes to be nearly empty, and read all of it.
 */
export async function retryRuns(db: Database, writes: readonly RetryWrite[]): Promise<Set<string>> {
  const moved = await db.sql<{ org_id: string; id: string }[]>`
    UPDATE runs r SET
      state = 'retrying',
      error = given.error::jsonb,
      usage = given.usage::jsonb,
      kill = coalesce(given.kill::jsonb, r.kill),
      started_at = given.started_at,
      not_before = given.not_before
    FROM unnest(
      ${column(writes, (write) => write.orgId)}::text[],
      ${column(writes, (write) => write.runId)}::text[],
      ${column(writes, (write) => write.lease)}::integer[],
      ${column(writes, () => 'running')}::text[],
      ${column(writes, (write) => JSON.stringify(write.error))}::text[],
      ${column(writes, (write) => write.usage && JSON.stringify(write.usage))}::text[],
      ${column(writes, ({ kill }) => (kill ? JSON.stringify(kill) : null))}::text[],
      ${column(writes, (write) => timeText(write.startedAtMs))}::timestamptz[],
      ${column(writes, (write) => timeText(write.notBeforeMs))}::timestamptz[]
    ) AS given (org_id, run_id, lease, leaving, error, usage, kill, started_at, not_before)
    WHERE r.org_id = given.org_id AND r.id = given.run_id AND r.state = given.leaving AND r.lease = given.lease
      AND r.cancel_requested_at IS NULL
    RETURNING r.org_id, r.id`;
  return new Set(moved.map((row) => keyOfRun(row.org_id, row.id)));
}
