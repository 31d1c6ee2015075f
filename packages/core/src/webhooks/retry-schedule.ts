/**
 * When a delivery is tried again: soon at first, then for days, as the Standard Webhooks specification recommends. Pure.
 * Source: https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md (deliverability and reliability)
 */
const SECOND_MS = 1000;
const MINUTE_MS = 60 * SECOND_MS;
const HOUR_MS = 60 * MINUTE_MS;

/** Before the second attempt, the third, ...: 3 days and 3.5 hours in all. */
export const DELIVERY_WAITS_MS: readonly number[] = [
  5 * SECOND_MS, 5 * MINUTE_MS, 30 * MINUTE_MS, 2 * HOUR_MS, 5 * HOUR_MS, 10 * HOUR_MS, 14 * HOUR_MS, 20 * HOUR_MS, 24 * HOUR_MS,
];
/** So that what failed together does not come back together: each wait is up to so much shorter or longer. */
const JITTER = 0.1;
/** A receiver may ask for more time, but not for ever. */
const LONGEST_RETRY_AFTER_MS = 24 * HOUR_MS;

/**
 * @param attempts - made so far, at least one
 * @param retryAfterMs - what the receiver asked for; null where it did not
 * @param random - from 0 up to 1
 * @returns how long to wait; null: that was the last attempt
 */
export function deliveryWaitMs({ attempts, retryAfterMs, random }: { attempts: number; retryAfterMs: number | null; random: number }): number | null {
  const waitMs = DELIVERY_WAITS_MS[attempts - 1];
  if (waitMs === undefined) return null;
  const jittered = waitMs * (1 - JITTER + 2 * JITTER * random);
  return Math.round(Math.max(jittered, Math.min(retryAfterMs ?? 0, LONGEST_RETRY_AFTER_MS)));
}

/** What `Retry-After` says, in ms from now; null where it says nothing that can be read. Source: RFC 9110, 10.2.3 */
export function readRetryAfterMs(header: string | undefined, nowMs: number): number | null {
  if (header === undefined) return null;
  const text = header.trim();
  if (/^\d{1,9}$/.test(text)) return Number(text) * SECOND_MS;
  // Dates as HTTP writes them have a weekday; a bare number is not one, whatever Date.parse makes of it.
  const atMs = /^[A-Z][a-z]+,? /.test(text) ? Date.parse(text) : Number.NaN;
  return Number.isNaN(atMs) ? null : Math.max(0, atMs - nowMs);
}
