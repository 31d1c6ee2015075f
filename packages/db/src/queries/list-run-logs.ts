import { LOG_LEVELS, type LogLevel, type StoredRunEvent } from '@bullpen/core';

import { arrayLiteral, timeText } from '../array-literal.ts';
import type { Database } from '../database.ts';
import { reading } from '../postgres-errors.ts';
import { earliestEventMs } from './event-days.ts';

/** Log lines of a run from `level` up, after `afterSeq` (-1: from the first), oldest first: primary key of the partitions from the day of the run on. */
export async function listRunLogs(
  db: Database, orgId: string, runId: string, { afterSeq, level, limit }: { afterSeq: number; level: LogLevel; limit: number },
): Promise<StoredRunEvent[]> {
  const levels = LOG_LEVELS.slice(LOG_LEVELS.indexOf(level));
  const rows = await reading(() => db.tenant(orgId, ({ sql }) => sql<StoredRunEvent[]>`
    SELECT seq, attempt, at, event FROM run_events
    WHERE org_id = ${orgId} AND run_id = ${runId} AND seq > ${afterSeq} AND at >= ${timeText(earliestEventMs(runId))}::timestamptz
      AND event->>'type' = 'log' AND event->>'level' = ANY (${arrayLiteral(levels)}::text[])
    ORDER BY seq
    LIMIT ${limit}`));
  return [...rows];
}
