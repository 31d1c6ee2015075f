import { WAITING_RUN_STATES } from '@bullpen/core';

import { timeText } from '../array-literal.ts';
import type { Database } from '../database.ts';
import { givenStatement, literal } from '../given-rows.ts';
import type { RunRef } from '../run-writes.ts';
import { RUN_COLUMNS, stateWords, type RunRow } from './run-columns.ts';

export interface CancelWrite extends RunRef {
  /** Whether a running run is to be marked as well, for its worker to end it. */
  markRunning: boolean;
}

export const CANCELLED = { code: 'CANCELLED', message: 'the run was cancelled before a worker took it' };

interface TimedCancel extends CancelWrite {
  atMs: number;
}

const cancel = givenStatement<TimedCancel, RunRow>([
  ['org_id', 'text', (write) => write.orgId],
  ['run_id', 'text', (write) => write.runId],
  ['mark_running', 'boolean', (write) => write.markRunning],
  ['at', 'timestamptz', (write) => timeText(write.atMs)],
], (given) => `
  UPDATE runs r SET
    cancel_requested_at = coalesce(r.cancel_requested_at, given.at),
    state = CASE WHEN r.state = 'running' THEN 'running' ELSE 'cancelled' END,
    finished_at = CASE WHEN r.state = 'running' THEN NULL ELSE given.at END,
    error = CASE WHEN r.state = 'running' THEN r.error ELSE ${literal(JSON.stringify(CANCELLED))}::jsonb END
  FROM ${given}
  WHERE r.org_id = given.org_id AND r.id = given.run_id
    AND ((r.state || '') IN (${stateWords(WAITING_RUN_STATES)}) OR ((r.state || '') = 'running' AND given.mark_running))
  RETURNING ${RUN_COLUMNS}`);

/**
 * Waiting runs -> cancelled, and running ones marked where asked for, by primary key, in one statement: whatever a
 * claim or a finish does at the same moment, the row is moved by exactly one of them. Rows that did neither are left
 * out of the answer.
 *
 * The state is not named as such (`|| ''`), or an index of states would do for the plan of one cancel, which is kept.
 */
export async function cancelRuns(db: Database, writes: readonly CancelWrite[], nowMs: number): Promise<readonly RunRow[]> {
  return cancel(db, writes.map((write) => ({ ...write, atMs: nowMs })));
}
