import type { RunState } from '@bullpen/core';

import { column } from '../array-literal.ts';
import type { Database } from '../database.ts';
import type { RunRef } from '../run-writes.ts';
import { keyOfRun } from './run-columns.ts';

/** The states of these runs by primary key; runs that are not there are left out. Keyed by `keyOfRun`. */
export async function readRunStates(db: Database, refs: readonly RunRef[]): Promise<Map<string, RunState>> {
  const rows = await db.sql<{ org_id: string; id: string; state: RunState }[]>`
    SELECT r.org_id, r.id, r.state
    FROM unnest(
      ${column(refs, (ref) => ref.orgId)}::text[],
      ${column(refs, (ref) => ref.runId)}::text[]
    ) AS given (org_id, run_id)
    JOIN runs r ON r.org_id = given.org_id AND r.id = given.run_id`;
  return new Map(rows.map((row) => [keyOfRun(row.org_id, row.id), row.state]));
}
