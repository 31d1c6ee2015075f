import type { ErrorCode } from '@bullpen/core';

/**
 * Codes that say that the run was not executed: the API could not be reached or refused to take it now, there is no such
 * agent there yet, its tier cannot be built, or it waited longer than it may (`startWithinMs`). Of these only
 * API_UNREACHABLE leaves a doubt: a run that was accepted although its answer was lost is executed as well.
 */
export const NOT_EXECUTED: readonly ErrorCode[] = [
  'API_UNREACHABLE', 'SERVICE_UNAVAILABLE', 'SHUTTING_DOWN', 'RATE_LIMITED', 'AGENT_NOT_FOUND', 'TIER_UNAVAILABLE', 'EXPIRED',
];

export interface FallbackOptions {
  /** With which codes the existing engine executes instead; NOT_EXECUTED where left out. A code of a run that was executed (TIMED_OUT, say) executes twice. */
  codes?: readonly ErrorCode[];
  /** A run that no worker took for so long expires, and the existing engine executes instead. */
  startWithinMs?: number;
  /** Told of each: for your own metrics. What it throws is ignored. */
  onFallback?: (fallback: { agent: string; orgId: string | undefined; code: string; message: string }) => void;
}
