import { messageOf, type Logger } from '@bullpen/core';

import { CellProcess } from './cell-process.ts';
import type { Wall } from './wall.ts';

/**
 * Blank cells, started ahead, for each memory size that was asked for lately. Guarantees: a cell is given out once and
 * never comes back; one at least is kept ready for each size, and one more from each take on that found none (at most
 * `MAX_SPARES`), until so many were not needed for `SHRINK_MS`; `close` returns when no blank cell is left.
 */

/** A blank cell holds 10 to 12 MB. */
const MAX_SPARES = 8;
const SHRINK_MS = 30_000;
/** The start of a process takes a core for 40 ms: the run that was just handed over comes first. */
const REFILL_DELAY_MS = 10;

interface Shelf {
  /** In the order of their starts. */
  spares: Promise<CellProcess>[];
  wanted: number;
  isStarting: boolean;
  refill: NodeJS.Timeout | undefined;
  /** The fewest spares that a take left since the last look at it. */
  unused: number;
}

export class CellPool {
  readonly #make: (limitMb: number) => CellProcess;
  readonly #log: Logger;
  readonly #shelves = new Map<number, Shelf>();
  readonly #alive = new Set<CellProcess>();
  readonly #shrinking = setInterval(() => this.#shrink(), SHRINK_MS).unref();
  #isClosed = false;

  /** @param options - `make` stands in for cells behind the wall */
  constructor(options: { wall: Wall; log: Logger; make?: (limitMb: number) => CellProcess }) {
    const { wall } = options;
    this.#make = options.make ?? ((limitMb) => new CellProcess({ wall, limitMb }));
    this.#log = options.log;
  }

  /** A spare of this size, or a new cell; what replaces it is started once the run has gone on. */
  async take(limitMb: number): Promise<CellProcess> {
    const shelf = this.#shelf(limitMb);
    const [spare] = shelf.spares.splice(0, 1);
    shelf.unused = Math.min(shelf.unused, shelf.spares.length);
    if (spare === undefined) shelf.wanted = Math.min(MAX_SPARES, shelf.wanted + 1);
    this.#refillSoon(shelf, limitMb);
    const cell = await spare?.catch(() => null) ?? null;
    const taken = cell === null || cell.hasEnded ? await this.#start(limitMb) : cell;
    this.#alive.delete(taken);
    return taken;
  }

  /** Makes sure that there are as many spares of this size as are wanted. They start one after the other: side by side
   * none would be ready sooner. */
  prepare(limitMb: number): void {
    const shelf = this.#shelf(limitMb);
    if (this.#isClosed || shelf.isStarting || shelf.spares.length >= shelf.wanted) return;
    shelf.isStarting = true;
    const starting = this.#start(limitMb);
    void shelf.spares.push(starting);
    starting.then(() => {
      shelf.isStarting = false;
      this.prepare(limitMb);
    }, (error: unknown) => {
      shelf.isStarting = false;
      shelf.spares = shelf.spares.filter((spare) => spare !== starting);
      if (!this.#isClosed) this.#log.warn({ limitMb, error: messageOf(error) }, 'cell.spare-failed');
    });
  }

  /** In a burst not before its end, unless the spares run out. */
  #refillSoon(shelf: Shelf, limitMb: number): void {
    if (shelf.refill !== undefined && shelf.spares.length * 2 < shelf.wanted) return;
    clearTimeout(shelf.refill);
    shelf.refill = setTimeout(() => {
      shelf.refill = undefined;
      this.prepare(limitMb);
    }, REFILL_DELAY_MS).unref();
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    clearInterval(this.#shrinking);
    for (const { refill } of this.#shelves.values()) clearTimeout(refill);
    this.#shelves.clear();
    for (const cell of this.#alive) cell.kill();
    await Promise.all([...this.#alive].map(({ gone }) => gone));
  }

  /** Ends what nobody needed; one spare of each size stays. */
  #shrink(): void {
    for (const shelf of this.#shelves.values()) {
      shelf.wanted -= Math.max(0, Math.min(shelf.unused, shelf.wanted - 1));
      for (const spare of shelf.spares.splice(shelf.wanted)) void spare.then((cell) => cell.kill(), () => undefined);
      shelf.unused = shelf.spares.length;
    }
  }

  #shelf(limitMb: number): Shelf {
    const known = this.#shelves.get(limitMb);
    if (known !== undefined) return known;
    const shelf: Shelf = { spares: [], wanted: 1, isStarting: false, refill: undefined, unused: 1 };
    this.#shelves.set(limitMb, shelf);
    return shelf;
  }

  async #start(limitMb: number): Promise<CellProcess> {
    const cell = this.#make(limitMb);
    this.#alive.add(cell);
    void cell.gone.then(() => this.#alive.delete(cell));
    await cell.start();
    return cell;
  }
}
