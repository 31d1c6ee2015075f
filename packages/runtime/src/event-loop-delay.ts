/**
 * How long an event loop takes to answer, seen from outside: a ping that it answers when it turns. Guarantees: at most one
 * ping is under way, so a loop that stands still gets one more message, not one for each look; while it does not answer, the delay grows.
 */
export class EventLoopDelay {
  readonly #nowMs: () => number;
  readonly #ping: () => void;
  #sentAtMs: number | null = null;
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
    if (this.#sentAtMs !== null) return;
    this.#sentAtMs = this.#nowMs();
    this.#ping();
  }

  answered(): void {
    if (this.#sentAtMs !== null) this.#lastMs = this.#nowMs() - this.#sentAtMs;
    this.#sentAtMs = null;
  }
}
