import { WAITING_RUN_STATES, statesLeadingTo } from '@bullpen/core';

import { timeText } from '../array-literal.ts';
import type { Database } from '../database.ts';
import { givenStatement, literal } from '../given-rows.ts';
import { MAX_REDELIVERIES, type ClaimWrite } from '../run-writes.ts';
import { SUMMARY_COLUMNS, stateWords, type SummaryRow } from './run-columns.ts';

/** A row that a claim moved. `state` says how: running, or one of the ends that a claim finds. */
export interface ClaimRow extends SummaryRow {
  lease: number;
  versionId: string;
  backoff: { baseMs: number; maxMs: number; jitter: boolean };
  /** Null where the claim did not lead to running. */
  inputJson: string | null;
  traceparent: string | null;
}

const ENDINGS = {
  cancelled: { code: 'CANCELLED', message: 'the run was cancelled before a worker took it' },
  expired: { code: 'EXPIRED', message: 'the time-to-live in the queue passed before a worker took the run' },
  crashed: { code: 'WORKER_LOST', message: `the run was taken over ${MAX_REDELIVERIES} times from workers that died or lost it` },
} as const;

interface TimedClaim extends ClaimWrite {
  atMs: number;
}

const NEXT = `CASE
  WHEN r.cancel_requested_at IS NOT NULL THEN 'cancelled'
  WHEN r.state IN (${stateWords(WAITING_RUN_STATES)}) AND r.attempt = 0 AND r.expires_at <= given.at THEN 'expired'
  WHEN r.state = 'running' AND r.redeliveries >= ${MAX_REDELIVERIES} THEN 'crashed'
  ELSE 'running' END`;

const claim = givenStatement<TimedClaim, ClaimRow>([
  ['org_id', 'text', ({ orgId }) => orgId],
  ['run_id', 'text', ({ runId }) => runId],
  ['worker_id', 'text', ({ workerId }) => workerId],
  ['at', 'timestamptz', ({ atMs }) => timeText(atMs)],
], (given) => `
  WITH commit_early AS MATERIALIZED (SELECT set_config('synchronous_commit', 'off', true))
  UPDATE runs r SET
    state = ${NEXT},
    lease = r.lease + 1,
    redeliveries = r.redeliveries + (r.state = 'running')::integer,
    attempt = CASE WHEN ${NEXT} = 'running' AND r.state <> 'running' THEN r.attempt + 1 ELSE r.attempt END,
    worker_id = CASE WHEN ${NEXT} = 'running' THEN given.worker_id ELSE r.worker_id END,
    claimed_at = CASE WHEN ${NEXT} = 'running' THEN given.at ELSE r.claimed_at END,
    started_at = CASE WHEN ${NEXT} = 'running' THEN NULL ELSE r.started_at END,
    finished_at = CASE WHEN ${NEXT} = 'running' THEN NULL ELSE given.at END,
    error = CASE WHEN ${NEXT} = 'running' THEN r.error ELSE ${literal(JSON.stringify(ENDINGS))}::jsonb -> ${NEXT} END
  FROM ${given}, commit_early
  WHERE r.org_id = given.org_id AND r.id = given.run_id AND (r.state || '') IN (${stateWords([...statesLeadingTo('running'), 'running'])})
  RETURNING ${SUMMARY_COLUMNS}, r.version_id AS "versionId", r.traceparent, r.lease, r.backoff,
    CASE WHEN r.state = 'running' THEN r.input::text END AS "inputJson"`);

/**
 * Claims runs by primary key: waiting ones begin an attempt, a running one is taken over from a worker that lost it.
 * Either way the lease grows, which fences out whoever held it. A run that must not run any more ends here. Rows in a
 * terminal state, and rows that are not there, are left out of the answer.
 *
 * The state is not named as such (`|| ''`), or an index of states would do for the plan of one claim, which is kept.
 *
 * The commit does not wait for the disk (`set_config` is local to this statement's transaction): a claim that a crash
 * of Postgres takes back is a run that is delivered again, no more.
 */
export async function claimRuns(db: Database, claims: readonly ClaimWrite[], nowMs: number): Promise<readonly ClaimRow[]> {
  return claim(db, claims.map((one) => ({ ...one, atMs: nowMs })));
}
