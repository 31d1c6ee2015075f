import { column, timeText } from '../array-literal.ts';
import type { Database } from '../database.ts';
import type { FinishWrite } from '../run-writes.ts';
import { keyOfRun } from './run-columns.ts';

/**
 * running -> terminal, by primary key, for the holder of the lease. Gives the keys of the runs that moved: a run that
 * is missing from them was fenced out.
 *
 * The state it leaves comes as a column (`leaving`): written out, it would let the planner take the index of running runs,
 * which it believes to be nearly empty, and read all of it.
 */
export async function finishRuns(db: Database, writes: readonly FinishWrite[]): Promise<Set<string>> {
  const moved = await db.sql<{ org_id: string; id: string }[]>`
    UPDATE runs r SET
      state = given.state,
      result = given.result::jsonb,
      error = given.error::jsonb,
      usage = given.usage::jsonb,
      kill = coalesce(given.kill::jsonb, r.kill),
      started_at = given.started_at,
      finished_at = given.finished_at
    FROM unnest(
      ${column(writes, (write) => write.orgId)}::text[],
      ${column(writes, (write) => write.runId)}::text[],
      ${column(writes, (write) => write.lease)}::integer[],
      ${column(writes, () => 'running')}::text[],
      ${column(writes, (write) => write.state)}::text[],
      ${column(writes, (write) => write.resultJson)}::text[],
      ${column(writes, (write) => write.error && JSON.stringify(write.error))}::text[],
      ${column(writes, (write) => write.usage && JSON.stringify(write.usage))}::text[],
      ${column(writes, ({ kill }) => (kill ? JSON.stringify(kill) : null))}::text[],
      ${column(writes, (write) => timeText(write.startedAtMs))}::timestamptz[],
      ${column(writes, (write) => timeText(write.finishedAtMs))}::timestamptz[]
    ) AS given (org_id, run_id, lease, leaving, state, result, error, usage, kill, started_at, finished_at)
    WHERE r.org_id = given.org_id AND r.id = given.run_id AND r.state = given.leaving AND r.lease = given.lease
    RETURNING r.org_id, r.id`;
  return new Set(moved.map((row) => keyOfRun(row.org_id, row.id)));
}
