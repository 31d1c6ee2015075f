import { WAITING_RUN_STATES } from '@bullpen/core';

import { column, timeText } from '../array-literal.ts';
import type { Database } from '../database.ts';
import type { RunRef } from '../run-writes.ts';
import { runColumns, stateList, type RunRow } from './run-columns.ts';

export interface CancelWrite extends RunRef {
  /** Whether a running run is to be marked as well, for its worker to end it. */
  markRunning: boolean;
}

export const CANCELLED = { code: 'CANCELLED', message: 'the run was cancelled before a worker took it' };

/**
 * Waiting runs -> cancelled, and running ones marked where asked for, by primary key, in one statement: whatever a
 * claim or a finish does at the same moment, the row is moved by exactly one of them. Rows that did neither are left
 * out of the answer.
 */
export async function cancelRuns(db: Database, writes: readonly CancelWrite[], nowMs: number): Promise<RunRow[]> {
  const { sql } = db;
  return sql<RunRow[]>`
    UPDATE runs r SET
      cancel_requested_at = coalesce(r.cancel_requested_at, given.at),
      state = CASE WHEN r.state = 'running' THEN 'running' ELSE 'cancelled' END,
      finished_at = CASE WHEN r.state = 'running' THEN NULL ELSE given.at END,
      error = CASE WHEN r.state = 'running' THEN r.error ELSE ${JSON.stringify(CANCELLED)}::text::jsonb END
    FROM (
      SELECT org_id, run_id, mark_running, ${timeText(nowMs)}::timestamptz AS at
      FROM unnest(
        ${column(writes, (write) => write.orgId)}::text[],
        ${column(writes, (write) => write.runId)}::text[],
        ${column(writes, (write) => write.markRunning)}::boolean[]
      ) AS writes (org_id, run_id, mark_running)
    ) AS given
    WHERE r.org_id = given.org_id AND r.id = given.run_id
      AND (r.state IN (${stateList(sql, WAITING_RUN_STATES)}) OR (r.state = 'running' AND given.mark_running))
    RETURNING ${runColumns(sql)}`;
}
