import { messageOf, type Logger } from '@bullpen/core';

/** What a pool keeps: a cell of any kind, seen from outside. */
export interface PooledCell {
  readonly gone: Promise<unknown>;
  readonly hasEnded: boolean;
  /** Rejects where it cannot be had, and is then on its way out. */
  start(): Promise<void>;
  kill(): void;
}

/**
 * Blank cells, started ahead, for each memory size that was asked for lately. Guarantees: a cell is given out once and
 * never comes back; one is kept ready for each size; `close` returns when no blank cell is left.
 */
export class CellPool<Cell extends PooledCell> {
  readonly #make: (limitMb: number) => Cell;
  readonly #log: Logger;
  readonly #spares = new Map<number, Promise<Cell>>();
  readonly #alive = new Set<Cell>();
  #isClosed = false;

  constructor(options: { make: (limitMb: number) => Cell; log: Logger }) {
    this.#make = options.make;
    this.#log = options.log;
  }

  /** The spare of this size, or a new cell; the next spare is started once the caller has gone on. */
  async take(limitMb: number): Promise<Cell> {
    const spare = this.#spares.get(limitMb);
    this.#spares.delete(limitMb);
    setImmediate(() => this.prepare(limitMb));
    const cell = await spare?.catch(() => null) ?? null;
    const taken = cell === null || cell.hasEnded ? await this.#start(limitMb) : cell;
    this.#alive.delete(taken);
    return taken;
  }

  /** Makes sure that there is a spare of this size. */
  prepare(limitMb: number): void {
    if (this.#isClosed || this.#spares.has(limitMb)) return;
    const starting = this.#start(limitMb);
    starting.catch((error: unknown) => {
      if (this.#spares.get(limitMb) === starting) this.#spares.delete(limitMb);
      if (!this.#isClosed) this.#log.warn({ limitMb, error: messageOf(error) }, 'cell.spare-failed');
    });
    this.#spares.set(limitMb, starting);
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    this.#spares.clear();
    for (const cell of this.#alive) cell.kill();
    await Promise.all([...this.#alive].map(({ gone }) => gone));
  }

  async #start(limitMb: number): Promise<Cell> {
    const cell = this.#make(limitMb);
    this.#alive.add(cell);
    void cell.gone.then(() => this.#alive.delete(cell));
    await cell.start();
    return cell;
  }
}
