import {
  assertNever, retryDelayMs, type AttemptOutcome, type KillReceipt, type RunError, type RunUsage, type TerminalRunState,
} from '@bullpen/core';
import type { ClaimedRun } from '@bullpen/db';

/** What follows from how an attempt ended. */
export type AttemptDecision =
  | { kind: 'finish'; state: TerminalRunState; resultJson: string | null; error: RunError | null; usage: RunUsage | null; kill: KillReceipt | null }
  | { kind: 'retry'; delayMs: number; error: RunError; usage: RunUsage | null; kill: KillReceipt | null }
  | { kind: 'release'; reason: string; kill: KillReceipt | null };

const CANCELLED: RunError = { code: 'CANCELLED', message: 'cancelled by a caller' };
const KILLED: RunError = { code: 'KILLED_BY_OPERATOR', message: 'an operator killed the container that executed it' };

/** Pure: the same run, outcome and random number give the same decision. */
export function decideAttempt(run: ClaimedRun, outcome: AttemptOutcome, random: () => number): AttemptDecision {
  switch (outcome.kind) {
    case 'succeeded':
      return { kind: 'finish', state: 'succeeded', resultJson: outcome.resultJson, error: null, usage: outcome.usage, kill: null };
    case 'failed':
      if (outcome.retryable && run.attempt < run.maxAttempts) {
        return { kind: 'retry', delayMs: retryDelayMs(run.backoff, run.attempt, random), error: outcome.error, usage: outcome.usage, kill: outcome.kill ?? null };
      }
      return { kind: 'finish', state: outcome.state, resultJson: null, error: outcome.error, usage: outcome.usage, kill: outcome.kill ?? null };
    case 'interrupted':
      return afterInterrupt(outcome);
    default:
      return assertNever(outcome, 'attempt outcome');
  }
}

function afterInterrupt({ reason, usage, kill: receipt }: AttemptOutcome & { kind: 'interrupted' }): AttemptDecision {
  const kill = receipt ?? null;
  if (reason === 'cancelled') return cancelled(usage, kill);
  if (reason === 'killed') return { ...cancelled(usage, kill), error: KILLED };
  return { kind: 'release', reason, kill };
}

/** The decision when a caller cancelled the run while it was executed. */
export function cancelled(usage: RunUsage | null, kill: KillReceipt | null): AttemptDecision & { kind: 'finish' } {
  return { kind: 'finish', state: 'cancelled', resultJson: null, error: CANCELLED, usage, kill };
}
