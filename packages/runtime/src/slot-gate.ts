import { joinLine, type Waiter } from './waiting-line.ts';

/**
 * The slots of a worker: attempts that execute at once. Runs may be admitted beyond them, up to `AHEAD` times as many, while attempts are over
 * in `SHORT_MS`, so that one admitted ahead hardly waits for its slot: then there is always one ready when a slot becomes free, and
 * what is written of many goes together. Guarantees: never more than `slots` inside; first come, first in; who waits for `PATIENCE_MS` (twice
 * that, at most) is turned away, to be taken by somebody who has room, and nothing is admitted ahead until a slot has become free quickly;
 * who is interrupted is turned away at once.
 */
const AHEAD = 2;
const SHORT_MS = 25;
const PATIENCE_MS = 200;
/** How much the newest attempt weighs. */
const SMOOTHING = 0.1;

export class SlotGate {
  readonly #slots: number;
  readonly #nowMs: () => number;
  readonly #waiting: Waiter<boolean>[] = [];
  #inside = 0;
  /** How long attempts have a slot. Long, until it is known. */
  #tookMs = 2 * SHORT_MS;
  #isTimed = false;

  /** @param nowMs - monotonic */
  constructor(slots: number, nowMs: () => number) {
    this.#slots = slots;
    this.#nowMs = nowMs;
  }

  /** As many may be admitted now, inside and waiting. */
  get mayAdmit(): number {
    return this.#tookMs <= SHORT_MS ? (1 + AHEAD) * this.#slots : this.#slots;
  }

  /** How many to fetch, with so many admitted. While all slots have somebody, a few more are worth no way of their own to queue and record. */
  worthTaking(admitted: number): number {
    const free = Math.max(0, this.mayAdmit - admitted);
    return admitted >= this.#slots && free < this.#slots / 2 ? 0 : free;
  }

  /** False where no slot became free in time, or before `interrupt` was aborted. Who got one leaves it. */
  enter(interrupt: AbortSignal): true | Promise<boolean> {
    if (this.#inside < this.#slots) {
      this.#inside += 1;
      return true;
    }
    const promise = joinLine(this.#waiting, { sinceMs: this.#nowMs() }, { interrupt, turnedAway: false });
    if (!this.#isTimed) this.#time();
    return promise;
  }

  /** @param tookMs - since it was entered; null where it was cut short, which says nothing of others */
  leave(tookMs: number | null): void {
    if (tookMs !== null) this.#tookMs += SMOOTHING * (tookMs - this.#tookMs);
    const next = this.#waiting.shift();
    if (next === undefined) this.#inside -= 1;
    else next.resolve(true);
  }

  /** Turns away who waits. */
  clear(): void {
    for (const { resolve } of this.#waiting.splice(0)) resolve(false);
  }

  #time(): void {
    this.#isTimed = true;
    setTimeout(() => this.#look(), PATIENCE_MS);
  }

  #look(): void {
    this.#isTimed = false;
    const longAgoMs = this.#nowMs() - PATIENCE_MS;
    while ((this.#waiting[0]?.sinceMs ?? Infinity) <= longAgoMs) {
      this.#tookMs = Math.max(this.#tookMs, PATIENCE_MS);
      this.#waiting.shift()?.resolve(false);
    }
    if (this.#waiting.length > 0) this.#time();
  }
}
