import type { RunState } from '@bullpen/core';

import type { Database } from '../database.ts';
import { givenStatement } from '../given-rows.ts';
import type { LeasedWrite } from '../run-writes.ts';
import { keyOfRun } from './run-columns.ts';

/** A write that may have been applied, and the state that it leads to. */
export interface SentWrite extends LeasedWrite {
  state: RunState;
}

const find = givenStatement<SentWrite, { org_id: string; id: string }>([
  ['org_id', 'text', (write) => write.orgId],
  ['run_id', 'text', (write) => write.runId],
  ['lease', 'integer', (write) => write.lease],
  ['state', 'text', (write) => write.state],
], (given) => `
  SELECT r.org_id, r.id
  FROM ${given}
  JOIN runs r ON r.org_id = given.org_id AND r.id = given.run_id
  WHERE r.lease = given.lease AND r.state = given.state`);

/**
 * Which of these writes stand in the table, by primary key. For a write whose answer was lost with the connection:
 * only the holder of a lease moves a run out of running under it, so the state and the lease together are its trace.
 */
export async function findAppliedWrites(db: Database, writes: readonly SentWrite[]): Promise<Set<string>> {
  return new Set((await find(db, writes)).map((row) => keyOfRun(row.org_id, row.id)));
}
