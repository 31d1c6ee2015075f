/** Limits with their units and defaults, and the bounds that a caller may choose within. */

export interface RunLimits {
  /** Hard wall-clock limit of one attempt. */
  timeoutMs: number;
  /** V8 heap of the container (old generation). */
  memoryMb: number;
  /** Attempts in all, the first one included. */
  maxAttempts: number;
  /** How long a run may wait in the queue before it expires; null: for ever. */
  ttlMs: number | null;
}

export const DEFAULT_RUN_LIMITS: Readonly<RunLimits> = Object.freeze({
  timeoutMs: 30_000,
  memoryMb: 64,
  maxAttempts: 1,
  ttlMs: null,
});

/** Container memory one organization may hold on one worker at once. */
export const DEFAULT_POOL_MB = 1024;

export const LIMIT_BOUNDS = Object.freeze({
  timeoutMs: { min: 10, max: 24 * 60 * 60 * 1000 },
  memoryMb: { min: 16, max: 4096 },
  maxAttempts: { min: 1, max: 100 },
  ttlMs: { min: 1, max: 30 * 24 * 60 * 60 * 1000 },
  delayMs: { min: 0, max: 365 * 24 * 60 * 60 * 1000 },
  waitMs: { min: 0, max: 60_000 },
});

/** Size caps, in bytes of UTF-8 JSON unless said otherwise. */
export const SIZE_CAPS = Object.freeze({
  inputBytes: 1024 * 1024,
  resultBytes: 1024 * 1024,
  metadataBytes: 16 * 1024,
  /** One log line or one emitted event. */
  eventBytes: 64 * 1024,
  /** Log lines and events of one attempt; beyond it they are dropped, counted and the count is said. */
  eventsPerAttempt: 10_000,
  /** The same in bytes: what one attempt may put into a worker's memory faster than Postgres takes it. */
  eventBytesPerAttempt: 16 * 1024 * 1024,
  /** What an agent may ask of its supervisor in one call (`ctx.kv`, `ctx.fetch`), as JSON. */
  callBytes: 1536 * 1024,
  /** Calls of one attempt under way at once; those beyond it wait inside the container. */
  callsInFlight: 32,
  callsPerAttempt: 100_000,
  /** All calls of one attempt together; beyond it they are refused. */
  callBytesPerAttempt: 64 * 1024 * 1024,
  bundleBytes: 8 * 1024 * 1024,
  /** Levels of nesting of any JSON that is stored. */
  jsonDepth: 128,
});

/** Wait before a retry: exponential from `baseMs`, doubled each time, at most `maxMs`, with full jitter on request. */
export interface RetryBackoff {
  baseMs: number;
  maxMs: number;
  jitter: boolean;
}

export const DEFAULT_RETRY_BACKOFF: Readonly<RetryBackoff> = Object.freeze({ baseMs: 1000, maxMs: 60_000, jitter: true });

/**
 * Milliseconds to wait after the failure of attempt `attempt` (1 is the first).
 * @param random - a number in [0, 1); with `jitter` the wait is drawn from the upper half of the interval, so that
 *   retries of many runs spread out and still back off.
 */
export function retryDelayMs(backoff: RetryBackoff, attempt: number, random: () => number): number {
  const ceilingMs = Math.min(backoff.maxMs, backoff.baseMs * 2 ** (attempt - 1));
  return Math.round(backoff.jitter ? ceilingMs * (0.5 + random() / 2) : ceilingMs);
}
