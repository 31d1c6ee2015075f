import { column } from '../array-literal.ts';
import type { Database } from '../database.ts';
import type { ReleaseWrite } from '../run-writes.ts';
import { keyOfRun } from './run-columns.ts';

/**
 * running -> queued, by primary key, for the holder of the lease; the attempt is given back. Gives the keys of the
 * runs that moved.
 *
 * The state it leaves comes as a column (`leaving`): written out, it would let the planner take the index of running runs,
 * which it believes to be nearly empty, and read all of it.
 */
export async function releaseRuns(db: Database, writes: readonly ReleaseWrite[]): Promise<Set<string>> {
  const moved = await db.sql<{ org_id: string; id: string }[]>`
    UPDATE runs r SET
      state = 'queued',
      attempt = greatest(r.attempt - 1, 0),
      release_reason = given.reason,
      kill = coalesce(given.kill::jsonb, r.kill),
      worker_id = NULL,
      claimed_at = NULL,
      started_at = NULL
    FROM unnest(
      ${column(writes, (write) => write.orgId)}::text[],
      ${column(writes, (write) => write.runId)}::text[],
      ${column(writes, (write) => write.lease)}::integer[],
      ${column(writes, () => 'running')}::text[],
      ${column(writes, (write) => write.reason)}::text[],
      ${column(writes, ({ kill }) => (kill ? JSON.stringify(kill) : null))}::text[]
    ) AS given (org_id, run_id, lease, leaving, reason, kill)
    WHERE r.org_id = given.org_id AND r.id = given.run_id AND r.state = given.leaving AND r.lease = given.lease
    RETURNING r.org_id, r.id`;
  return new Set(moved.map((row) => keyOfRun(row.org_id, row.id)));
}
