import { BullpenError, messageOf, type Clock, type Logger } from '@bullpen/core';
import { takeRate, type Database } from '@bullpen/db';

export interface RateQuota {
  /** Requests of one key in one window, over all API processes. */
  requests: number;
  windowMs: number;
}

/** What a key has left in its window, as this process knew it when it last took a block: others may have used up to a block each since. */
export interface RateStanding {
  left: number;
  resetsInMs: number;
}

interface Window {
  readonly startMs: number;
  /** Taken from the shared quota, not used yet. */
  held: number;
  /** What the shared quota had left when this process last took from it. */
  sharedLeft: number;
  taking: Promise<void> | null;
}

/** Of the quota, taken at once: a busy key asks Postgres fifty times in a window, whatever its rate. */
const BLOCK_SHARE = 50;
const MAX_REMEMBERED = 10_000;

/**
 * Counts the requests of each key in windows by the wall clock, shared by all API processes: each takes blocks out of one
 * row in Postgres and spends them by itself, so that no more than the quota is ever let in. A block that a process does
 * not use up is lost at the end of the window; near the end of the quota blocks shrink to one. Where Postgres cannot be
 * reached requests are let in: then nothing they could do costs much, and they say themselves what is wrong.
 */
export class RateLimiter {
  readonly #deps: { db: Database; clock: Clock; log: Logger };
  readonly #quota: RateQuota;
  readonly #windows = new Map<string, Window>();

  constructor(deps: { db: Database; clock: Clock; log: Logger }, quota: RateQuota) {
    this.#deps = deps;
    this.#quota = quota;
  }

  get quota(): RateQuota {
    return this.#quota;
  }

  /** Counts one request. `allowed` false: the quota of the window is used up. */
  async count(keyId: string): Promise<RateStanding & { allowed: boolean }> {
    const window = this.#windowOf(keyId);
    while (window.held === 0) {
      if (window.taking === null && window.sharedLeft === 0) return { allowed: false, ...this.#standing(window) };
      await (window.taking ??= this.#take(keyId, window));
    }
    window.held -= 1;
    return { allowed: true, ...this.#standing(window) };
  }

  #windowOf(keyId: string): Window {
    const { requests, windowMs } = this.#quota;
    const startMs = Math.floor(this.#deps.clock.nowMs() / windowMs) * windowMs;
    const known = this.#windows.get(keyId);
    if (known?.startMs === startMs) return known;
    if (this.#windows.size >= MAX_REMEMBERED) this.#windows.clear();
    const window: Window = { startMs, held: 0, sharedLeft: requests, taking: null };
    this.#windows.set(keyId, window);
    return window;
  }

  async #take(keyId: string, window: Window): Promise<void> {
    const { requests: quota } = this.#quota;
    const count = Math.max(1, Math.min(Math.ceil(quota / BLOCK_SHARE), Math.floor(window.sharedLeft / 4)));
    try {
      const { granted, left } = await takeRate(this.#deps.db, { keyId, windowAt: new Date(window.startMs).toISOString(), count, quota });
      window.held += granted;
      window.sharedLeft = left;
    } catch (error) {
      this.#deps.log.warn({ reason: messageOf(error) }, 'rate.not_counted');
      window.held += 1;
    } finally {
      window.taking = null;
    }
  }

  #standing(window: Window): RateStanding {
    const resetsInMs = Math.max(0, window.startMs + this.#quota.windowMs - this.#deps.clock.nowMs());
    return { left: window.held + window.sharedLeft, resetsInMs };
  }
}

/**
 * The headers of the IETF draft: what the quota is, what is left of it and until when, in whole seconds.
 * Source: https://datatracker.ietf.org/doc/draft-ietf-httpapi-ratelimit-headers/ (10, structured fields)
 */
export function rateHeaders({ requests, windowMs }: RateQuota, { left, resetsInMs }: RateStanding): { policy: string; rate: string } {
  return { policy: `"key";q=${requests};w=${Math.ceil(windowMs / 1000)}`, rate: `"key";r=${left};t=${Math.ceil(resetsInMs / 1000)}` };
}

/** @throws BullpenError RATE_LIMITED, with the seconds to wait. */
export function rateRefusal({ requests, windowMs }: RateQuota, { resetsInMs }: RateStanding): BullpenError {
  const retryAfterS = Math.max(1, Math.ceil(resetsInMs / 1000));
  return new BullpenError('RATE_LIMITED', `the key has made its ${requests} requests of ${windowMs / 1000} s: come back in ${retryAfterS} s`, { retryAfterS });
}
