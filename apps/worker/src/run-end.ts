import type { RunEnd } from '@bullpen/core';
import type { ClaimedRun } from '@bullpen/db';

import type { AttemptDecision } from './attempt-decision.ts';

/** A decision as it stands in the record. */
export type Recorded = Exclude<AttemptDecision, { kind: 'finish' }> | Finished;
export type Finished = Extract<AttemptDecision, { kind: 'finish' }> & { finishedAtMs: number; startedAtMs: number | null };

/** Each message goes out whether anybody waits or not. */
const MAX_RESULT_CHARS = 2048;

/**
 * What the end of a run left in its row, for those who wait for it; undefined where they have to read it: it is large, or the
 * row has something from an attempt before this one.
 */
export function runEndOf(run: ClaimedRun, workerId: string, recorded: Recorded): RunEnd | undefined {
  if (recorded.kind !== 'finish' || run.lease !== 1) return undefined;
  const { state, resultJson, error, usage, kill, startedAtMs, finishedAtMs } = recorded;
  if ((resultJson?.length ?? 0) > MAX_RESULT_CHARS || (error?.stack?.length ?? 0) > MAX_RESULT_CHARS) return undefined;
  return {
    state, attempt: run.attempt, workerId, error, usage, kill,
    result: resultJson === null ? null : JSON.parse(resultJson) as unknown,
    claimedAt: new Date(run.claimedAtMs).toISOString(),
    startedAt: startedAtMs === null ? null : new Date(startedAtMs).toISOString(),
    finishedAt: new Date(finishedAtMs).toISOString(),
  };
}
