/**
 * What a run is expected to hold, learned from the runs of the same agent version before it. Guarantees: a reserve is
 * never above the limit and never below the floor; a version that is not known well reserves its whole limit; one whose
 * run had to be handed back because it held more than that reserves its limit again until it is known anew.
 *
 * The reserve is the highest of the last `KEPT` peaks and a quarter, so that a run which is a little larger than all
 * before it takes nothing from others. The limit stays what kills.
 */

/** Runs of one version share what is learned; another limit is another garbage collection, and another peak. */
export interface LearnedOf {
  readonly orgId: string;
  readonly agent: string;
  readonly version: number;
  readonly limitMb: number;
}

/** A container that ran nothing holds about so much. */
export const RESERVE_FLOOR_MB = 16;
const KEPT = 20;
const KNOWN_AFTER = 5;
const HEADROOM = 1.25;

export class ReserveLearner {
  readonly #maxVersions: number;
  /** Newest peaks last, of the versions in order of use. */
  readonly #peaks = new Map<string, number[]>();

  constructor(options: { maxVersions?: number } = {}) {
    this.#maxVersions = options.maxVersions ?? 10_000;
  }

  reserveMb(of: LearnedOf): number {
    const peaks = this.#peaks.get(keyOf(of)) ?? [];
    if (peaks.length < KNOWN_AFTER) return of.limitMb;
    const wantedMb = Math.ceil(Math.max(...peaks) * HEADROOM);
    return Math.min(of.limitMb, Math.max(RESERVE_FLOOR_MB, wantedMb));
  }

  /** A run ended by itself after it held this much at most. */
  observe(of: LearnedOf, peakMb: number): void {
    const key = keyOf(of);
    const peaks = this.#peaks.get(key) ?? [];
    this.#peaks.delete(key);
    this.#peaks.set(key, [...peaks, peakMb].slice(-KEPT));
    const [oldest] = this.#peaks.keys();
    if (this.#peaks.size > this.#maxVersions && oldest !== undefined) this.#peaks.delete(oldest);
  }

  /** A run held more than it had reserved, and the pool had no room for it. */
  forget(of: LearnedOf): void {
    this.#peaks.delete(keyOf(of));
  }
}

function keyOf({ orgId, agent, version, limitMb }: LearnedOf): string {
  return `${orgId}/${agent}@${version}/${limitMb}`;
}
