import { timeText } from '../array-literal.ts';
import type { Database } from '../database.ts';
import { givenStatement, type GivenColumn } from '../given-rows.ts';
import type { FinishWrite } from '../run-writes.ts';
import { keyOfRun } from './run-columns.ts';

const COLUMNS: readonly GivenColumn<FinishWrite>[] = [
  ['org_id', 'text', (write) => write.orgId],
  ['run_id', 'text', (write) => write.runId],
  ['lease', 'integer', (write) => write.lease],
  ['leaving', 'text', () => 'running'],
  ['state', 'text', (write) => write.state],
  ['result', 'text', (write) => write.resultJson],
  ['error', 'text', (write) => write.error && JSON.stringify(write.error)],
  ['usage', 'text', (write) => write.usage && JSON.stringify(write.usage)],
  ['kill', 'text', ({ kill }) => (kill ? JSON.stringify(kill) : null)],
  ['started_at', 'timestamptz', (write) => timeText(write.startedAtMs)],
  ['finished_at', 'timestamptz', (write) => timeText(write.finishedAtMs)],
];

const finish = givenStatement<FinishWrite, { org_id: string; id: string }>(COLUMNS, (given) => `
  UPDATE runs r SET
    state = given.state,
    result = given.result::jsonb,
    error = given.error::jsonb,
    usage = given.usage::jsonb,
    kill = coalesce(given.kill::jsonb, r.kill),
    started_at = given.started_at,
    finished_at = given.finished_at
  FROM ${given}
  WHERE r.org_id = given.org_id AND r.id = given.run_id AND r.state = given.leaving AND r.lease = given.lease
  RETURNING r.org_id, r.id`);

/**
 * running -> terminal, by primary key, for the holder of the lease. Gives the keys of the runs that moved: a run that
 * is missing from them was fenced out.
 *
 * The state it leaves comes as a column (`leaving`): written out, it would let the planner take the index of running runs,
 * which it believes to be nearly empty, and read all of it.
 */
export async function finishRuns(db: Database, writes: readonly FinishWrite[]): Promise<Set<string>> {
  return new Set((await finish(db, writes)).map((row) => keyOfRun(row.org_id, row.id)));
}
