import { ERROR_REGISTRY, type AttemptOutcome, type ErrorCode, type FailedState, type InterruptReason, type RunUsage } from '@bullpen/core';

export const NO_USAGE: RunUsage = Object.freeze({ wallMs: 0, cpuMs: 0, peakHeapMb: 0, peakExternalMb: 0, gbSeconds: 0 });

const MAX_MESSAGE_CHARS = 8000;
const MAX_STACK_CHARS = 32_000;

/** A failed attempt; whether it may be tried again is the registry's word. */
export function failure(state: FailedState, code: ErrorCode, message: string, usage: RunUsage, stack?: string): AttemptOutcome {
  const said = { code, message: storableText(message, MAX_MESSAGE_CHARS) };
  const error = stack === undefined ? said : { ...said, stack: storableText(stack, MAX_STACK_CHARS) };
  return { kind: 'failed', state, error, retryable: ERROR_REGISTRY[code].retryable, usage };
}

/** An error message comes from the agent as well: what Postgres cannot keep becomes U+FFFD. */
function storableText(text: string, maxChars: number): string {
  return text.slice(0, maxChars).toWellFormed().replaceAll('\0', '\uFFFD');
}

const REASONS: readonly InterruptReason[] = ['cancelled', 'killed', 'shutdown', 'lease_lost', 'cell_lost', 'pool_pressure', 'no_slot'];

/** The reason of an abort. One that is none of ours gives the attempt back: a lost run is worse than a repeated one. */
export function interruptReasonOf(signal: AbortSignal): InterruptReason {
  const reason: unknown = signal.reason;
  return REASONS.find((known) => known === reason) ?? 'shutdown';
}
