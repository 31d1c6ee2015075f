import type { RuntimeContainer } from './container.ts';
import { joinLine, type Waiter } from './waiting-line.ts';

/**
 * Runs that wait for a container in use instead of starting another one. A start takes tens of milliseconds and a core; runs that take
 * one millisecond are over sooner behind one another, and their container stays warm for all of them. Guarantees: who waits can expect,
 * by what runs of its bundle took before, to be served sooner than a start would take, by what starts took before; those of a kind are
 * served in their order; one who has waited as long as a start would have taken is let go, one at a time, and nobody waits longer
 * than `PATIENCE_STARTS` times that: they start containers.
 *
 * Both are measured, since both grow where the machine is short of CPU: against a fixed time every run would look long then, and
 * the starts that follow would make the machine shorter still. One whose attempt is interrupted is let go at once.
 */

/** A start takes as much at least, and is waited for no longer than this at most. */
const LEAST_START_MS = 20;
const MOST_START_MS = 1000;
const PATIENCE_STARTS = 5;
/** How much the newest run weighs. */
const SMOOTHING = 0.3;
const MAX_BUNDLES = 256;

interface WaitingRun extends Waiter<RuntimeContainer | null> {
  readonly kind: string;
  readonly reserveMb: number;
}

export class ShortWaits {
  readonly #nowMs: () => number;
  /** What runs of a bundle took from claim to end, ms. */
  readonly #tookMs = new Map<string, number>();
  #startMs = LEAST_START_MS;
  readonly #waiting: WaitingRun[] = [];
  #isTimed = false;

  /** @param nowMs - monotonic */
  constructor(nowMs: () => number) {
    this.#nowMs = nowMs;
  }

  /** A run of this bundle had a container for so long. */
  learn(sha256: string, tookMs: number): void {
    const before = this.#tookMs.get(sha256);
    if (before === undefined && this.#tookMs.size >= MAX_BUNDLES) this.#tookMs.clear();
    this.#tookMs.set(sha256, before === undefined ? tookMs : before + SMOOTHING * (tookMs - before));
  }

  learnStart(tookMs: number): void {
    this.#startMs = Math.min(MOST_START_MS, Math.max(LEAST_START_MS, this.#startMs + SMOOTHING * (tookMs - this.#startMs)));
  }

  /** Whether one more, behind those that wait already, can expect one of `inUse` containers sooner than a new one. */
  isWorthIt(sha256: string, inUse: number): boolean {
    const tookMs = this.#tookMs.get(sha256);
    return tookMs !== undefined && inUse > 0 && ((this.#waiting.length + 1) * tookMs) / inUse <= this.#startMs;
  }

  /** Resolves with a container, or with null where it is better to start one, or the attempt was interrupted. */
  join(kind: string, reserveMb: number, interrupt: AbortSignal): Promise<RuntimeContainer | null> {
    const promise = joinLine(this.#waiting, { kind, reserveMb, sinceMs: this.#nowMs() }, { interrupt, turnedAway: null });
    if (!this.#isTimed) this.#time();
    return promise;
  }

  /** The first that waits for such a container gets it. @returns what its run reserved, MB; null where nobody waits for one */
  serve(kind: string, container: RuntimeContainer): number | null {
    const at = this.#waiting.findIndex((waiter) => waiter.kind === kind);
    const [waiter] = at < 0 ? [] : this.#waiting.splice(at, 1);
    if (waiter === undefined) return null;
    waiter.resolve(container);
    return waiter.reserveMb;
  }

  #letGo(): void {
    // Those that wait longest come first.
    if (this.#hasWaited(this.#startMs)) this.#waiting.shift()?.resolve(null);
    while (this.#hasWaited(PATIENCE_STARTS * this.#startMs)) this.#waiting.shift()?.resolve(null);
    this.#isTimed = false;
    if (this.#waiting.length > 0) this.#time();
  }

  #hasWaited(ms: number): boolean {
    return (this.#waiting[0]?.sinceMs ?? Infinity) <= this.#nowMs() - ms;
  }

  #time(): void {
    this.#isTimed = true;
    setTimeout(() => this.#letGo(), this.#startMs);
  }
}
