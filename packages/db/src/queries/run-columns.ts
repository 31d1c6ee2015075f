import type { Run, RunState, RunSummary } from '@bullpen/core';
import type postgres from 'postgres';

/**
 * The columns of a run under the names that core's schemas use: a row is a `Run` (or a `RunSummary`) as it comes.
 * Written once, for the table or for an alias of it.
 */
export const SUMMARY_COLUMNS = `
  r.id, r.org_id AS "orgId", r.agent, r.version, r.state, r.tier, r.attempt, r.max_attempts AS "maxAttempts",
  r.timeout_ms AS "timeoutMs", r.memory_mb AS "memoryMb", r.limits, r.error, r.usage, r.kill, r.priority,
  r.fairness_key AS "fairnessKey", r.metadata, r.tags, r.worker_id AS "workerId",
  substring(r.traceparent, 4, 32) AS "traceId",
  r.queued_at AS "queuedAt", r.not_before AS "notBefore", r.expires_at AS "expiresAt", r.claimed_at AS "claimedAt",
  r.started_at AS "startedAt", r.finished_at AS "finishedAt"`;

/** For `SELECT ${summaryColumns(sql)} FROM runs r`. */
export function summaryColumns(sql: postgres.Sql): postgres.Fragment {
  return sql.unsafe(SUMMARY_COLUMNS);
}

export const RUN_COLUMNS = `${SUMMARY_COLUMNS}, r.input, r.result`;

/** For `SELECT ${runColumns(sql)} FROM runs r`. */
export function runColumns(sql: postgres.Sql): postgres.Fragment {
  return sql.unsafe(RUN_COLUMNS);
}

/** A row, checked by the compiler to have the shape of core's type; the tests check it with core's schema. */
export type RunRow = Run;
export type SummaryRow = RunSummary;

/** A state list for `r.state IN (...)`; states are our own words, so they may stand in the text. */
export function stateList(sql: postgres.Sql, states: readonly RunState[]): postgres.Fragment {
  return sql.unsafe(stateWords(states));
}

/** The same as text. */
export function stateWords(states: readonly RunState[]): string {
  return states.map((state) => `'${state}'`).join(', ');
}

/** One key for a run in a map. */
export function keyOfRun(orgId: string, runId: string): string {
  return `${orgId}/${runId}`;
}
