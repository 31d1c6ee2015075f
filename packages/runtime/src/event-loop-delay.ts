/**
 * How long an event loop takes to answer, seen from outside: a ping that it answers when it turns. Guarantees: at most one
 * ping is under way, and at most one is sent in `EVERY_MS`, so a loop that stands still gets one more message, and a crowd of
 * short runs is not twice as many messages; while it does not answer, the delay grows.
 */
const EVERY_MS = 100;

export class EventLoopDelay {
  readonly #nowMs: () => number;
  readonly #ping: () => void;
  #sentAtMs: number | null = null;
  #nextAtMs = -Infinity;
  #lastMs: number | null = null;

  /** @param options.nowMs - monotonic */
  constructor(options: { nowMs: () => number; ping: () => void }) {
    this.#nowMs = options.nowMs;
    this.#ping = options.ping;
  }

  /** Null where nothing was measured yet. */
  get delayMs(): number | null {
    if (this.#sentAtMs === null) return this.#lastMs;
    const waitedMs = this.#nowMs() - this.#sentAtMs;
    return this.#lastMs === null ? waitedMs : Math.max(waitedMs, this.#lastMs);
  }

  measure(): void {
    const nowMs = this.#nowMs();
    if (this.#sentAtMs !== null || nowMs < this.#nextAtMs) return;
    this.#sentAtMs = nowMs;
    this.#nextAtMs = nowMs + EVERY_MS;
    this.#ping();
  }

  answered(): void {
    if (this.#sentAtMs !== null) this.#lastMs = this.#nowMs() - this.#sentAtMs;
    this.#sentAtMs = null;
  }
}
