import { deliveryWaitMs, readRetryAfterMs, WEBHOOK_BOUNDS, type DeliveryAttempt } from '@bullpen/core';
import type { DeliveryOutcome, TakenDelivery } from '@bullpen/db';
import type { GuardedAnswer } from '@bullpen/runtime';

/** What an attempt came to: an answer, or why there was none. */
export type AttemptResult = { kind: 'answered'; answer: GuardedAnswer } | { kind: 'unanswered'; reason: string };

export interface Verdict {
  attempt: DeliveryAttempt;
  outcome: DeliveryOutcome;
  /** Why the endpoint is told nothing any more; null: it is. */
  disable: string | null;
}

const GONE = 410;

/**
 * What becomes of a delivery after an attempt: 2xx is an arrival, 410 the end of the endpoint, everything else is tried again until the
 * waits are used up. A redirect is not followed, and so is no arrival. Pure.
 */
export function judgeAttempt(taken: TakenDelivery, result: AttemptResult, { startedAtMs, durationMs, random }: { startedAtMs: number; durationMs: number; random: number }): Verdict {
  const answer = result.kind === 'answered' ? result.answer : null;
  const attempt: DeliveryAttempt = {
    at: new Date(startedAtMs).toISOString(), status: answer?.status ?? null, durationMs: Math.round(durationMs), error: errorOf(result),
    excerpt: answer === null || answer.excerpt === '' ? null : harmless(answer.excerpt).slice(0, WEBHOOK_BOUNDS.excerptChars),
  };
  if (attempt.error === null) return { attempt, outcome: { kind: 'delivered' }, disable: null };
  if (answer?.status === GONE) return { attempt, outcome: { kind: 'given_up' }, disable: 'its address is gone (410)' };
  const endedAtMs = startedAtMs + durationMs;
  const waitMs = deliveryWaitMs({ attempts: taken.attempts, retryAfterMs: readRetryAfterMs(answer?.headers['retry-after'], endedAtMs), random });
  if (waitMs !== null) return { attempt, outcome: { kind: 'retry', nextAtMs: Math.round(endedAtMs + waitMs) }, disable: null };
  const isDead = taken.failingSince !== null && endedAtMs - Date.parse(taken.failingSince) >= WEBHOOK_BOUNDS.disableAfterMs;
  return { attempt, outcome: { kind: 'given_up' }, disable: isDead ? `nothing has arrived since ${taken.failingSince}` : null };
}

function errorOf(result: AttemptResult): string | null {
  if (result.kind === 'unanswered') return harmless(result.reason).slice(0, WEBHOOK_BOUNDS.excerptChars);
  const { status } = result.answer;
  return status >= 200 && status <= 299 ? null : `it answered ${status}`;
}

/** As Postgres keeps it: without NUL characters and halves of characters. */
function harmless(text: string): string {
  return text.replaceAll('\u0000', '\ufffd').toWellFormed();
}
