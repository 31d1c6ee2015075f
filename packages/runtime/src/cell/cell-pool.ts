import { availableParallelism } from 'node:os';

import { messageOf, type Logger } from '@bullpen/core';

/** What a pool keeps: a cell of any kind, seen from outside. */
export interface PooledCell {
  readonly gone: Promise<unknown>;
  readonly hasEnded: boolean;
  /** Rejects where it cannot be had, and is then on its way out. */
  start(): Promise<void>;
  kill(): void;
}

/** Who a cell is started for: nobody yet, or a run that waits for it. */
export type CellPurpose = 'spare' | 'run';

/**
 * Blank cells, started ahead, for each memory size that was asked for lately. Guarantees: a cell is given out once and
 * never comes back; one at least is kept ready for each size, and from a take on that had to wait as many as were taken
 * since all were ready, one more at least where there was none (at most `MAX_SPARES`), until so many were not needed for
 * `SHRINK_MS`; what a run waits for is started before spares are, and at most `maxStarts` at once; `close` returns when no
 * blank cell is left.
 */

/** A blank cell holds 10 to 12 MB, and as much for each thread that waits in it. */
const MAX_SPARES = 8;
const SHRINK_MS = 30_000;
/** The start of a process takes a core for 60 to 100 ms: the run that was just handed over comes first, and in a burst those that follow it. */
const REFILL_DELAY_MS = 25;
/** From here on a burst is not waited for: spares are started before they run out. */
const FEW_SPARES = 1;
/** A start keeps a core busy. More at once than there are cores, and one for those that wait for the kernel, are all ready later. */
const MAX_STARTS = availableParallelism() + 1;

interface Spare<Cell> {
  readonly cell: Promise<Cell>;
  isReady: boolean;
}

interface Shelf<Cell> {
  /** In the order of their starts. */
  spares: Spare<Cell>[];
  wanted: number;
  takenSinceFull: number;
  isStarting: boolean;
  refill: NodeJS.Timeout | undefined;
  /** The fewest spares that a take left since the last look at it. */
  unused: number;
}

export class CellPool<Cell extends PooledCell> {
  readonly #make: (limitMb: number, purpose: CellPurpose) => Cell;
  readonly #log: Logger;
  readonly #shelves = new Map<number, Shelf<Cell>>();
  readonly #alive = new Set<Cell>();
  readonly #shrinking = setInterval(() => this.#shrink(), SHRINK_MS).unref();
  readonly #maxStarts: number;
  /** Runs that wait for a cell of their own; those whose start is under way, and the others in the order in which they came. */
  #startsUnderWay = 0;
  readonly #inLine: (() => void)[] = [];
  #isClosed = false;

  /** @param options - maxStarts: cells for runs that start at once. Default: the machine's cores and one */
  constructor(options: { make: (limitMb: number, purpose: CellPurpose) => Cell; log: Logger; maxStarts?: number }) {
    this.#make = options.make;
    this.#log = options.log;
    this.#maxStarts = options.maxStarts ?? MAX_STARTS;
  }

  /** A spare of this size, or a new cell; what replaces it is started once the run has gone on. */
  async take(limitMb: number): Promise<Cell> {
    const shelf = this.#shelf(limitMb);
    const [spare] = shelf.spares.splice(0, 1);
    shelf.unused = Math.min(shelf.unused, shelf.spares.length);
    shelf.takenSinceFull += 1;
    if (spare?.isReady !== true) shelf.wanted = Math.min(MAX_SPARES, Math.max(shelf.wanted + (spare === undefined ? 1 : 0), shelf.takenSinceFull));
    this.#refillSoon(shelf, limitMb);
    const cell = await spare?.cell.catch(() => null) ?? null;
    const taken = cell === null || cell.hasEnded ? await this.#startInTurn(limitMb) : cell;
    this.#alive.delete(taken);
    return taken;
  }

  /**
   * Makes sure that there are as many spares of this size as are wanted. They start one after the other: side by side
   * none would be ready sooner. Resolves when the first one that it has to start is ready, or could not be had.
   */
  async prepare(limitMb: number): Promise<void> {
    const shelf = this.#shelf(limitMb);
    if (this.#isClosed || shelf.isStarting || this.#startsUnderWay > 0 || shelf.spares.length >= shelf.wanted) return;
    shelf.isStarting = true;
    const spare: Spare<Cell> = { cell: this.#start(limitMb, 'spare'), isReady: false };
    shelf.spares.push(spare);
    try {
      await spare.cell;
      spare.isReady = true;
      if (shelf.spares.length >= shelf.wanted) shelf.takenSinceFull = 0;
      shelf.isStarting = false;
      void this.prepare(limitMb);
    } catch (error) {
      shelf.isStarting = false;
      shelf.spares = shelf.spares.filter((one) => one !== spare);
      if (!this.#isClosed) this.#log.warn({ limitMb, error: messageOf(error) }, 'cell.spare-failed');
    }
  }

  /** In a burst not before its end, unless the spares run out. */
  #refillSoon(shelf: Shelf<Cell>, limitMb: number): void {
    if (shelf.refill !== undefined && shelf.spares.length <= FEW_SPARES) return;
    clearTimeout(shelf.refill);
    shelf.refill = setTimeout(() => {
      shelf.refill = undefined;
      void this.prepare(limitMb);
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
      for (const spare of shelf.spares.splice(shelf.wanted)) void spare.cell.then((cell) => cell.kill(), () => undefined);
      shelf.unused = shelf.spares.length;
    }
  }

  #shelf(limitMb: number): Shelf<Cell> {
    const known = this.#shelves.get(limitMb);
    if (known !== undefined) return known;
    const shelf: Shelf<Cell> = { spares: [], wanted: 1, takenSinceFull: 0, isStarting: false, refill: undefined, unused: 1 };
    this.#shelves.set(limitMb, shelf);
    return shelf;
  }

  /** For a run. Whoever waits in line when the pool is closed finds a cell that is killed while it starts. */
  async #startInTurn(limitMb: number): Promise<Cell> {
    if (this.#startsUnderWay >= this.#maxStarts) await new Promise<void>((resolve) => { this.#inLine.push(resolve); });
    else this.#startsUnderWay += 1;
    try {
      return await this.#start(limitMb, 'run');
    } finally {
      const next = this.#inLine.shift();
      if (next === undefined) this.#startsUnderWay -= 1;
      else next(); // takes its place
      if (this.#startsUnderWay === 0) for (const [size, shelf] of this.#shelves) this.#refillSoon(shelf, size);
    }
  }

  async #start(limitMb: number, purpose: CellPurpose): Promise<Cell> {
    const cell = this.#make(limitMb, purpose);
    this.#alive.add(cell);
    void cell.gone.then(() => this.#alive.delete(cell));
    await cell.start();
    return cell;
  }
}
