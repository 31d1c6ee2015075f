import type { RunState } from '@bullpen/core';

import { column } from '../array-literal.ts';
import type { Database } from '../database.ts';
import type { LeasedWrite } from '../run-writes.ts';
import { keyOfRun } from './run-columns.ts';

/** A write that may have been applied, and the state that it leads to. */
export interface SentWrite extends LeasedWrite {
  state: RunState;
}

/**
 * Which of these writes stand in the table, by primary key. For a write whose answer was lost with the connection:
 * only the holder of a lease moves a run out of running under it, so the state and the lease together are its trace.
 */
export async function findAppliedWrites(db: Database, writes: readonly SentWrite[]): Promise<Set<string>> {
  const rows = await db.sql<{ org_id: string; id: string }[]>`
    SELECT r.org_id, r.id
    FROM unnest(
      ${column(writes, (write) => write.orgId)}::text[],
      ${column(writes, (write) => write.runId)}::text[],
      ${column(writes, (write) => write.lease)}::integer[],
      ${column(writes, (write) => write.state)}::text[]
    ) AS given (org_id, run_id, lease, state)
    JOIN runs r ON r.org_id = given.org_id AND r.id = given.run_id
    WHERE r.lease = given.lease AND r.state = given.state`;
  return new Set(rows.map((row) => keyOfRun(row.org_id, row.id)));
}
