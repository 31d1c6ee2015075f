import { BullpenError, type Run } from '@bullpen/core';

import type { Database } from '../database.ts';
import { reading } from '../postgres-errors.ts';
import { runColumns, type RunRow } from './run-columns.ts';

/** One run by primary key. @throws BullpenError NOT_FOUND. */
export async function getRun(db: Database, orgId: string, runId: string): Promise<Run> {
  const [run] = await reading(() => db.tenant(orgId, ({ sql }) => sql<RunRow[]>`
    SELECT ${runColumns(sql)} FROM runs r WHERE r.org_id = ${orgId} AND r.id = ${runId}`));
  if (!run) throw new BullpenError('NOT_FOUND', `no run ${runId}`, { runId });
  return run;
}
