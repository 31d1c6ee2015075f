import { WAITING_RUN_STATES, type RunSummary } from '@bullpen/core';

import { timeText } from '../array-literal.ts';
import type { Database } from '../database.ts';
import { reaching, reading } from '../postgres-errors.ts';
import { stateList, summaryColumns, type SummaryRow } from '../queries/run-columns.ts';
import type { RunRef } from '../run-writes.ts';

/** What the reconciler asks over all organizations. Pages follow the run id: give the last one as `afterId`. */

/** The newest runs of all organizations: index runs_newest. */
export async function adminListRecentRuns(db: Database, limit: number): Promise<RunSummary[]> {
  const rows = await reading(() => db.sql<SummaryRow[]>`
    SELECT ${summaryColumns(db.sql)} FROM runs r ORDER BY r.id DESC LIMIT ${limit}`);
  return [...rows];
}

export interface ExpiredRun extends RunRef {
  run: RunSummary;
}

/**
 * Waiting -> expired for runs whose time-to-live passed before their first attempt, oldest first: index runs_expiring.
 * Rows that another writer holds at the moment are left for the next call.
 */
export async function adminExpireDueRuns(db: Database, limit: number): Promise<ExpiredRun[]> {
  const { sql } = db;
  const expired = { code: 'EXPIRED', message: 'the time-to-live in the queue passed before a worker took the run' };
  const rows = await reaching(() => sql<SummaryRow[]>`
    WITH due AS MATERIALIZED (
      SELECT org_id, id FROM runs
      WHERE state IN (${stateList(sql, WAITING_RUN_STATES)}) AND attempt = 0 AND expires_at <= now()
      ORDER BY expires_at LIMIT ${limit}
      FOR UPDATE SKIP LOCKED)
    UPDATE runs r SET state = 'expired', finished_at = now(), error = ${JSON.stringify(expired)}::text::jsonb
    FROM due
    WHERE r.org_id = due.org_id AND r.id = due.id AND r.state IN (${stateList(sql, WAITING_RUN_STATES)})
    RETURNING ${summaryColumns(sql)}`);
  return rows.map((run) => ({ orgId: run.orgId, runId: run.id, run }));
}

export interface WaitingRun extends RunRef {
  agent: string;
  version: number;
  memoryMb: number;
  priority: number;
  fairnessKey: string | null;
  notBeforeMs: number | null;
}

/** Waiting runs accepted at least `olderThanMs` ago, oldest first: index runs_waiting. */
export async function adminListWaitingRuns(
  db: Database, { olderThanMs, afterId = '', limit }: { olderThanMs: number; afterId?: string; limit: number },
): Promise<WaitingRun[]> {
  const { sql } = db;
  const rows = await reading(() => sql<(Omit<WaitingRun, 'notBeforeMs'> & { notBefore: string | null })[]>`
    SELECT org_id AS "orgId", id AS "runId", agent, version, memory_mb AS "memoryMb", priority, fairness_key AS "fairnessKey",
      not_before AS "notBefore"
    FROM runs
    WHERE state IN (${stateList(sql, WAITING_RUN_STATES)}) AND id > ${afterId}
      AND queued_at <= now() - ${olderThanMs}::double precision * interval '1 millisecond'
    ORDER BY id LIMIT ${limit}`);
  return rows.map(({ notBefore, ...run }) => ({ ...run, notBeforeMs: notBefore === null ? null : Date.parse(notBefore) }));
}

export interface RunningRun extends RunRef {
  workerId: string;
  lease: number;
  agent: string;
  version: number;
  memoryMb: number;
  priority: number;
  fairnessKey: string | null;
}

/** Running runs claimed before `claimedBeforeMs` (since the epoch), oldest first: index runs_running. */
export async function adminListRunningRuns(
  db: Database, { claimedBeforeMs, afterId = '', limit }: { claimedBeforeMs: number; afterId?: string; limit: number },
): Promise<RunningRun[]> {
  const rows = await reading(() => db.sql<RunningRun[]>`
    SELECT org_id AS "orgId", id AS "runId", worker_id AS "workerId", lease, agent, version, memory_mb AS "memoryMb",
      priority, fairness_key AS "fairnessKey"
    FROM runs
    WHERE state = 'running' AND id > ${afterId} AND claimed_at < ${timeText(claimedBeforeMs)}::timestamptz
    ORDER BY id LIMIT ${limit}`);
  return [...rows];
}

/** Running runs of a worker that a caller asked to cancel, in case it missed the message: index runs_running. */
export async function adminListCancelRequested(db: Database, workerId: string): Promise<RunRef[]> {
  const rows = await reading(() => db.sql<RunRef[]>`
    SELECT org_id AS "orgId", id AS "runId" FROM runs
    WHERE state = 'running' AND worker_id = ${workerId} AND cancel_requested_at IS NOT NULL
    ORDER BY id`);
  return [...rows];
}
