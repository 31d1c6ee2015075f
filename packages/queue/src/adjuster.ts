import { messageOf, type Clock, type Logger } from '@bullpen/core';

import type { Adjustment, ReadySet } from './ready-set.ts';
import { retryWhileUnavailable } from './unavailable.ts';

/**
 * Brings what changed for taken runs to the ready set, in order, gathered: what comes in one turn of the event loop, and
 * what comes while a call is under way, is one call. What cannot be brought is logged and dropped: a charge is lost then,
 * and the sweep offers the organization and counts its memory again.
 */
export class Adjuster {
  readonly #deps: { readySet: ReadySet; clock: Clock; log: Logger };
  #waiting: Adjustment[] = [];
  #gathering: Promise<void> | null = null;
  #flush: () => void = () => undefined;

  constructor(deps: { readySet: ReadySet; clock: Clock; log: Logger }) {
    this.#deps = deps;
  }

  /** Resolves when all of it was brought, or dropped. */
  add(...adjustments: readonly Adjustment[]): Promise<void> {
    if (adjustments.length === 0) return this.settled();
    this.#waiting.push(...adjustments);
    this.#gathering ??= this.#bringAll();
    return this.#gathering;
  }

  /** Resolves when what would be brought at the end of this turn is on its way. */
  async flush(): Promise<void> {
    this.#flush();
    await Promise.resolve();
  }

  /** Resolves when nothing is under way. */
  async settled(): Promise<void> {
    await this.#gathering;
  }

  async #bringAll(): Promise<void> {
    await new Promise<void>((resolve) => {
      const turn = setImmediate(resolve);
      this.#flush = () => {
        clearImmediate(turn);
        resolve();
      };
    });
    while (this.#waiting.length > 0) await this.#bring(this.#waiting.splice(0));
    this.#gathering = null;
  }

  async #bring(batch: readonly Adjustment[]): Promise<void> {
    try {
      await retryWhileUnavailable(this.#deps.clock, 'adjust', () => this.#deps.readySet.adjust(batch));
    } catch (thrown) {
      this.#deps.log.warn({ adjustments: batch.length, error: messageOf(thrown) }, 'queue.adjust_failed');
    }
  }
}
