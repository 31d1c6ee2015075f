import {
  assertNever, retryDelayMs, type AttemptOutcome, type RunError, type RunUsage, type TerminalRunState,
} from '@bullpen/core';
import type { ClaimedRun } from '@bullpen/db';

/** What follows from how an attempt ended. */
export type AttemptDecision =
  | { kind: 'finish'; state: TerminalRunState; resultJson: string | null; error: RunError | null; usage: RunUsage | null }
  | { kind: 'retry'; delayMs: number; error: RunError; usage: RunUsage | null }
  | { kind: 'release'; reason: string };

const CANCELLED: RunError = { code: 'CANCELLED', message: 'cancelled by a caller' };

/** Pure: the same run, outcome and random number give the same decision. */
export function decideAttempt(run: ClaimedRun, outcome: AttemptOutcome, random: () => number): AttemptDecision {
  switch (outcome.kind) {
    case 'succeeded':
      return { kind: 'finish', state: 'succeeded', resultJson: outcome.resultJson, error: null, usage: outcome.usage };
    case 'failed':
      if (outcome.retryable && run.attempt < run.maxAttempts) {
        return { kind: 'retry', delayMs: retryDelayMs(run.backoff, run.attempt, random), error: outcome.error, usage: outcome.usage };
      }
      return { kind: 'finish', state: outcome.state, resultJson: null, error: outcome.error, usage: outcome.usage };
    case 'interrupted':
      return outcome.reason === 'cancelled' ? cancelled(outcome.usage) : { kind: 'release', reason: outcome.reason };
    default:
      return assertNever(outcome, 'attempt outcome');
  }
}

/** The decision when a caller cancelled the run while it was executed. */
export function cancelled(usage: RunUsage | null): AttemptDecision & { kind: 'finish' } {
  return { kind: 'finish', state: 'cancelled', resultJson: null, error: CANCELLED, usage };
}
