import { randomUUID } from 'node:crypto';

import type { RedisClient } from './new-client.ts';

/**
 * Longest single block. A worker that was woken for `later` and then fills up leaves nobody else with the right
 * timeout; this bounds how late such an organization is offered.
 */
const MAX_BLOCK_MS = 1000;
/** A nudge that nobody heard is gone after this long. */
const NUDGE_KEPT_MS = 10_000;

interface WakeDeps {
  client: RedisClient;
  /** Used for BZPOPMIN only. */
  blocking: RedisClient;
  /** A sorted set that has a member where a blocked worker must claim. */
  key: string;
}

/**
 * Where workers block. Each also waits on a key of its own, in the same slot, by which it ends its own wait: that works
 * before the block has begun, on a cluster, and after a failover, and the connection stays.
 */
export class Wake {
  readonly #deps: WakeDeps;
  readonly #ownKey: string;

  constructor(deps: WakeDeps) {
    this.#deps = deps;
    this.#ownKey = `${deps.key}-${randomUUID()}`;
  }

  async wait(timeoutMs: number, signal: AbortSignal): Promise<void> {
    if (signal.aborted) return;
    const nudge = (): void => void this.#nudge();
    signal.addEventListener('abort', nudge, { once: true });
    try {
      await this.#deps.blocking.bzpopmin(this.#ownKey, this.#deps.key, Math.min(timeoutMs, MAX_BLOCK_MS) / 1000);
    } finally {
      signal.removeEventListener('abort', nudge);
    }
  }

  /** Wakes one of those that wait, or the next one that will. */
  async call(): Promise<void> {
    await this.#deps.client.zadd(this.#deps.key, 0, 'ready');
  }

  async #nudge(): Promise<void> {
    const { client } = this.#deps;
    // A failure means that Redis is away: then the pop fails as well, and that ends the wait.
    await Promise.all([client.zadd(this.#ownKey, 0, 'nudge'), client.pexpire(this.#ownKey, NUDGE_KEPT_MS)]).catch(() => undefined);
  }
}
