/**
 * Whether a container keeps more and more. Its baseline is the least that it held after one of its last `WINDOW` runs:
 * garbage comes and goes between collections, what leaks stays. It creeps when the baseline has grown beyond that of its
 * first runs by a quarter of the limit, and by at least `LEAST_GROWTH_MB`.
 */
const WINDOW = 10;
const GROWTH = 0.25;
const LEAST_GROWTH_MB = 8;

export class BaselineWatch {
  readonly #limitMb: number;
  readonly #lastMb: number[] = [];
  #firstMb: number | null = null;

  constructor(limitMb: number) {
    this.#limitMb = limitMb;
  }

  /** MB; 0 before the first run. */
  get baselineMb(): number {
    return this.#lastMb.length === 0 ? 0 : Math.min(...this.#lastMb);
  }

  /** A run is over and the container holds so much. @returns true where it creeps */
  afterRun(heldMb: number): boolean {
    this.#lastMb.push(heldMb);
    if (this.#lastMb.length < WINDOW) return false;
    if (this.#lastMb.length > WINDOW) this.#lastMb.shift();
    this.#firstMb ??= this.baselineMb;
    return this.baselineMb > this.#firstMb + Math.max(LEAST_GROWTH_MB, GROWTH * this.#limitMb);
  }
}
