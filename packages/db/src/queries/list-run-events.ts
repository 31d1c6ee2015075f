import type { StoredRunEvent } from '@bullpen/core';

import type { Database } from '../database.ts';
import { reading } from '../postgres-errors.ts';

/** Events of a run after `afterSeq` (-1: from the first), oldest first, by primary key. */
export async function listRunEvents(
  db: Database, orgId: string, runId: string, afterSeq: number, limit: number,
): Promise<StoredRunEvent[]> {
  const rows = await reading(() => db.sql<StoredRunEvent[]>`
    SELECT seq, attempt, at, event FROM run_events
    WHERE org_id = ${orgId} AND run_id = ${runId} AND seq > ${afterSeq}
    ORDER BY seq
    LIMIT ${limit}`);
  return [...rows];
}
