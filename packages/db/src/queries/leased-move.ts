import type { Database } from '../database.ts';
import { givenStatement, type GivenColumn } from '../given-rows.ts';
import type { LeasedWrite } from '../run-writes.ts';
import { keyOfRun } from './run-columns.ts';

const LEASED: readonly GivenColumn<LeasedWrite>[] = [
  ['org_id', 'text', (write) => write.orgId],
  ['run_id', 'text', (write) => write.runId],
  ['lease', 'integer', (write) => write.lease],
  ['leaving', 'text', () => 'running'],
];

/**
 * Moves runs out of running, by primary key, for the holders of their leases. Gives the keys of the runs that moved: one that is
 * missing from them was fenced out.
 *
 * The state they leave comes as a column (`leaving`): written out, it would let the planner take the index of running runs,
 * which it believes to be nearly empty, and read all of it.
 *
 * @param columns - beside those of the lease: what is written
 * @param assignments - from `given`
 * @param unless - in which it is left where it is
 */
export function leasedMove<Write extends LeasedWrite>(
  columns: readonly GivenColumn<Write>[], assignments: string, unless = 'false',
): (db: Database, writes: readonly Write[]) => Promise<Set<string>> {
  const move = givenStatement<Write, { org_id: string; id: string }>([...LEASED, ...columns], (given) => `
    UPDATE runs r SET ${assignments}
    FROM ${given}
    WHERE r.org_id = given.org_id AND r.id = given.run_id AND r.state = given.leaving AND r.lease = given.lease AND NOT (${unless})
    RETURNING r.org_id, r.id`);
  return async (db, writes) => new Set((await move(db, writes)).map((row) => keyOfRun(row.org_id, row.id)));
}
