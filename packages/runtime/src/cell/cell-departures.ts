import type { Clock } from '@bullpen/core';

/** A used cell, seen from outside. */
export interface DepartingCell {
  /** Lets it do nothing any more; false where that cannot be had. */
  stop(): boolean;
  kill(): void;
}

/**
 * Used cells on their way out. The kernel takes 3 to 5 ms of a core to take one down, and the runs that are handed over
 * meanwhile wait for it: on 2 cores that was most of their p99. So a cell whose attempt has ended by itself is stopped at
 * once (SIGSTOP: nothing of it runs any more), and killed when no run was handed over for `QUIET_MS` and none waits for a cell. Guarantees: it is
 * killed `LONGEST_MS` after it was added at the latest; at most `MOST` wait; one that cannot be stopped is killed at once.
 */
const QUIET_MS = 25;
const LONGEST_MS = 100;
/** Each holds its memory until it is killed. */
const MOST = 8;

interface Departure {
  readonly cell: DepartingCell;
  /** Monotonic. */
  readonly untilMs: number;
}

export class CellDepartures {
  readonly #clock: Pick<Clock, 'monotonicMs'>;
  /** The oldest first. */
  readonly #waiting: Departure[] = [];
  #timer: NodeJS.Timeout | undefined;
  #quietAtMs = 0;
  /** Runs that wait for a cell. */
  #awaited = 0;

  constructor(clock: Pick<Clock, 'monotonicMs'>) {
    this.#clock = clock;
  }

  add(cell: DepartingCell): void {
    if (!cell.stop()) return cell.kill();
    this.#waiting.push({ cell, untilMs: this.#clock.monotonicMs() + LONGEST_MS });
    if (this.#waiting.length > MOST) this.#waiting.shift()?.cell.kill();
    this.#look();
  }

  /** A run waits for its cell. */
  async during<Result>(start: Promise<Result>): Promise<Result> {
    this.#awaited += 1;
    try {
      return await start;
    } finally {
      this.#awaited -= 1;
    }
  }

  /** A run is handed over. */
  postpone(): void {
    this.#quietAtMs = this.#clock.monotonicMs() + QUIET_MS;
  }

  /** Not unreferenced: a process does not end before its cells do. */
  #look(): void {
    const [oldest] = this.#waiting;
    if (oldest === undefined || this.#timer !== undefined) return;
    const nowMs = this.#clock.monotonicMs();
    const afterMs = Math.min(this.#awaited > 0 ? nowMs + QUIET_MS : this.#quietAtMs, oldest.untilMs) - nowMs;
    this.#timer = setTimeout(() => {
      this.#timer = undefined;
      this.#end();
      this.#look();
    }, Math.max(1, afterMs));
  }

  #end(): void {
    const nowMs = this.#clock.monotonicMs();
    const isQuiet = this.#awaited === 0 && nowMs >= this.#quietAtMs;
    while (this.#waiting[0] !== undefined && (isQuiet || nowMs >= this.#waiting[0].untilMs)) this.#waiting.shift()?.cell.kill();
  }
}
