import { timeText } from '../array-literal.ts';
import type { Database } from '../database.ts';
import { givenStatement } from '../given-rows.ts';
import type { RetryWrite } from '../run-writes.ts';
import { keyOfRun } from './run-columns.ts';

const retry = givenStatement<RetryWrite, { org_id: string; id: string }>([
  ['org_id', 'text', (write) => write.orgId],
  ['run_id', 'text', (write) => write.runId],
  ['lease', 'integer', (write) => write.lease],
  ['leaving', 'text', () => 'running'],
  ['error', 'text', (write) => JSON.stringify(write.error)],
  ['usage', 'text', (write) => write.usage && JSON.stringify(write.usage)],
  ['kill', 'text', ({ kill }) => (kill ? JSON.stringify(kill) : null)],
  ['started_at', 'timestamptz', (write) => timeText(write.startedAtMs)],
  ['not_before', 'timestamptz', (write) => timeText(write.notBeforeMs)],
], (given) => `
  UPDATE runs r SET
    state = 'retrying',
    error = given.error::jsonb,
    usage = given.usage::jsonb,
    kill = coalesce(given.kill::jsonb, r.kill),
    started_at = given.started_at,
    not_before = given.not_before
  FROM ${given}
  WHERE r.org_id = given.org_id AND r.id = given.run_id AND r.state = given.leaving AND r.lease = given.lease
    AND r.cancel_requested_at IS NULL
  RETURNING r.org_id, r.id`);

/**
 * running -> retrying, by primary key, for the holder of the lease, unless a cancel was requested. Gives the keys of
 * the runs that moved.
 *
 * The state it leaves comes as a column (`leaving`): written out, it would let the planner take the index of running runs,
 * which it believes to be nearly empty, and read all of it.
 */
export async function retryRuns(db: Database, writes: readonly RetryWrite[]): Promise<Set<string>> {
  return new Set((await retry(db, writes)).map((row) => keyOfRun(row.org_id, row.id)));
}
