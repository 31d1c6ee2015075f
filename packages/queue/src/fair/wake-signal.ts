import type { VirtualClock } from './virtual-clock.ts';

/** Longest single wait; as in the ready set on Redis. */
const MAX_BLOCK_MS = 1000;

/**
 * What the key `wake` and BZPOPMIN are on Redis: reasons to claim, each of which ends the wait of one waiter, the one
 * that waited longest. A reason that is there already is not added twice.
 */
export class WakeSignal {
  readonly #clock: VirtualClock;
  readonly #reasons = new Set<'ready' | 'later'>();
  readonly #waiters = new Set<() => void>();

  constructor(clock: VirtualClock) {
    this.#clock = clock;
  }

  add(reason: 'ready' | 'later'): void {
    this.#reasons.add(reason);
  }

  clear(): void {
    this.#reasons.clear();
  }

  /** Hands the reasons out: after each step that is atomic, as Redis does. */
  ring(): void {
    for (const answer of this.#waiters) {
      const [reason] = this.#reasons;
      if (reason === undefined) return;
      this.#reasons.delete(reason);
      answer();
    }
  }

  wait(timeoutMs: number, signal: AbortSignal): Promise<void> {
    if (signal.aborted) return Promise.resolve();
    return new Promise((resolve) => {
      const answer = (): void => {
        this.#waiters.delete(answer);
        stopTimer();
        signal.removeEventListener('abort', answer);
        resolve();
      };
      const stopTimer = this.#clock.at(this.#clock.nowMs() + Math.min(timeoutMs, MAX_BLOCK_MS), answer);
      signal.addEventListener('abort', answer);
      this.#waiters.add(answer);
      this.ring();
    });
  }
}
