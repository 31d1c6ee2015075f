import { WAITING_RUN_STATES } from '@bullpen/core';

import { timeText } from '../array-literal.ts';
import type { Database } from '../database.ts';
import { reaching } from '../postgres-errors.ts';
import { CANCELLED } from './cancel-runs.ts';
import { runColumns, stateList, type RunRow } from './run-columns.ts';

/**
 * Up to `limit` of the organization's runs that were waiting at `asOfMs` -> cancelled, whatever claims do meanwhile: one that
 * is being claimed just now is left to its worker. Index runs_line.
 */
export async function cancelWaitingRuns(db: Database, orgId: string, options: { asOfMs: number; nowMs: number; limit: number }): Promise<RunRow[]> {
  const { sql } = db;
  const at = timeText(options.nowMs);
  return reaching(() => sql<RunRow[]>`
    UPDATE runs r SET
      cancel_requested_at = coalesce(r.cancel_requested_at, ${at}::timestamptz),
      state = 'cancelled',
      finished_at = ${at}::timestamptz,
      error = ${JSON.stringify(CANCELLED)}::text::jsonb
    FROM (
      SELECT id FROM runs
      WHERE org_id = ${orgId} AND state IN (${stateList(sql, WAITING_RUN_STATES)}) AND queued_at <= ${timeText(options.asOfMs)}::timestamptz
      LIMIT ${options.limit} FOR UPDATE SKIP LOCKED
    ) AS waiting
    WHERE r.org_id = ${orgId} AND r.id = waiting.id AND r.state IN (${stateList(sql, WAITING_RUN_STATES)})
    RETURNING ${runColumns(sql)}`);
}
