import type { Database } from '../database.ts';
import { givenStatement } from '../given-rows.ts';
import type { ReleaseWrite } from '../run-writes.ts';
import { keyOfRun } from './run-columns.ts';

const release = givenStatement<ReleaseWrite, { org_id: string; id: string }>([
  ['org_id', 'text', (write) => write.orgId],
  ['run_id', 'text', (write) => write.runId],
  ['lease', 'integer', (write) => write.lease],
  ['leaving', 'text', () => 'running'],
  ['reason', 'text', (write) => write.reason],
  ['kill', 'text', ({ kill }) => (kill ? JSON.stringify(kill) : null)],
], (given) => `
  UPDATE runs r SET
    state = 'queued',
    attempt = greatest(r.attempt - 1, 0),
    release_reason = given.reason,
    kill = coalesce(given.kill::jsonb, r.kill),
    worker_id = NULL,
    claimed_at = NULL,
    started_at = NULL
  FROM ${given}
  WHERE r.org_id = given.org_id AND r.id = given.run_id AND r.state = given.leaving AND r.lease = given.lease
  RETURNING r.org_id, r.id`);

/**
 * running -> queued, by primary key, for the holder of the lease; the attempt is given back. Gives the keys of the
 * runs that moved.
 *
 * The state it leaves comes as a column (`leaving`): written out, it would let the planner take the index of running runs,
 * which it believes to be nearly empty, and read all of it.
 */
export async function releaseRuns(db: Database, writes: readonly ReleaseWrite[]): Promise<Set<string>> {
  return new Set((await release(db, writes)).map((row) => keyOfRun(row.org_id, row.id)));
}
