import type { StoredRunEvent } from '@bullpen/core';

import { timeText } from '../array-literal.ts';
import type { Database } from '../database.ts';
import { reading } from '../postgres-errors.ts';
import { earliestEventMs } from './event-days.ts';

/**
 * Events of a run after `afterSeq` (-1: from the first), oldest first: the primary key of the partitions from the day of
 * the run on, which its id names.
 */
export async function listRunEvents(
  db: Database, orgId: string, runId: string, afterSeq: number, limit: number,
): Promise<StoredRunEvent[]> {
  const since = timeText(earliestEventMs(runId));
  const rows = await reading(() => db.tenant(orgId, ({ sql }) => sql<StoredRunEvent[]>`
    SELECT seq, attempt, at, event FROM run_events
    WHERE org_id = ${orgId} AND run_id = ${runId} AND seq > ${afterSeq} AND at >= ${since}::timestamptz
    ORDER BY seq
    LIMIT ${limit}`));
  return [...rows];
}
