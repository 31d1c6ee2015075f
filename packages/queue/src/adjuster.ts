import { messageOf, type Clock, type Logger } from '@bullpen/core';

import type { Adjustment, ReadySet } from './ready-set.ts';
import { retryWhileUnavailable } from './unavailable.ts';

/**
 * Brings what changed for taken runs to the ready set, in order: at once where nothing is under way, else gathered into
 * one call when that is over, so that a crowd of endings is a few calls. What cannot be brought is logged and dropped:
 * a charge is lost then, and the sweep offers the organization and counts its memory again.
 */
export class Adjuster {
  readonly #deps: { readySet: ReadySet; clock: Clock; log: Logger };
  #waiting: Adjustment[] = [];
  #flushing: Promise<void> | null = null;

  constructor(deps: { readySet: ReadySet; clock: Clock; log: Logger }) {
    this.#deps = deps;
  }

  /** Resolves when all of it was brought, or dropped. */
  add(...adjustments: readonly Adjustment[]): Promise<void> {
    this.#waiting.push(...adjustments);
    // A flush of nothing would be over before it is noted as under way, and nothing would be brought ever after.
    if (this.#waiting.length > 0) this.#flushing ??= this.#flushAll();
    return this.#flushing ?? Promise.resolve();
  }

  /** Resolves when nothing is under way. */
  async settled(): Promise<void> {
    await this.#flushing;
  }

  async #flushAll(): Promise<void> {
    while (this.#waiting.length > 0) {
      const batch = this.#waiting.splice(0);
      try {
        await retryWhileUnavailable(this.#deps.clock, 'adjust', () => this.#deps.readySet.adjust(batch));
      } catch (thrown) {
        this.#deps.log.warn({ adjustments: batch.length, error: messageOf(thrown) }, 'queue.adjust_failed');
      }
    }
    this.#flushing = null;
  }
}
