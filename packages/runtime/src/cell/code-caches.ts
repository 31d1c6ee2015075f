import { messageOf, type Logger } from '@bullpen/core';

import { within } from '../bounded-wait.ts';
import type { CellWall } from './cell-wall.ts';

/**
 * What V8 made of large bundles, for the strict cells that run them: V8 reads a bundle of 1.3 MB for 19 ms, and what it made
 * of it for 2. Compiled code that somebody forged would be machine code of theirs, so: it is made in a cell that compiles the bundle,
 * executes nothing of it, runs no attempt and is ended; it lies in a file that no cell can write, and is given to cells that run the
 * very bundle only. Guarantees: it is made when a bundle is run a second time, one bundle at a time, at the flags of the cells that
 * get it (V8 checks its version, its flags and the length of the source, and refuses anything else); what a cell says was refused is made anew,
 * `MAX_MADE` times at most; without it everything goes on as before. It does not outlive the worker: neither Node nor its flags change meanwhile.
 */
const COMPILE_MS = 5000;
const MAX_MADE = 3;
const MAX_KEPT = 256;

/** Compiles one bundle, and is then ended. */
export interface CompilingCell {
  readonly gone: Promise<unknown>;
  start(): Promise<void>;
  compile(bundlePath: string): Promise<Buffer>;
  kill(): void;
}

interface Kept {
  readonly bundlePath: string;
  readonly limitMb: number;
  uses: number;
  /** How often it was made, or could not be. */
  made: number;
  path: string | null;
}

const keyOf = (bundlePath: string, limitMb: number): string => `${limitMb} ${bundlePath}`;

export class CodeCaches {
  readonly #bundles: CellWall['bundles'];
  readonly #make: (limitMb: number) => CompilingCell;
  readonly #log: Logger;
  /** In order of use, the oldest first. */
  readonly #kept = new Map<string, Kept>();
  #work: Promise<void> = Promise.resolve();
  #compiling: CompilingCell | null = null;
  #isClosed = false;

  constructor(options: { bundles: CellWall['bundles']; make: (limitMb: number) => CompilingCell; log: Logger }) {
    this.#bundles = options.bundles;
    this.#make = options.make;
    this.#log = options.log;
  }

  /** A bundle is about to run in a cell of this size. Gives the file with what V8 made of it; null where there is none. */
  use(bundlePath: string, limitMb: number): string | null {
    if (this.#bundles.get(bundlePath).kind === 'text') return null; // compiling a small one takes less than reading a second file
    const key = keyOf(bundlePath, limitMb);
    const kept = this.#kept.get(key) ?? { bundlePath, limitMb, uses: 0, made: 0, path: null };
    this.#kept.delete(key);
    this.#kept.set(key, kept);
    if (this.#kept.size > MAX_KEPT) this.#dropOldest();
    kept.uses += 1;
    if (kept.uses === 2) this.#order(kept);
    return kept.path;
  }

  /** A cell found it to be of no use. */
  refused(bundlePath: string, limitMb: number): void {
    const kept = this.#kept.get(keyOf(bundlePath, limitMb));
    if (kept === undefined || kept.path === null) return; // by another one: it is on its way
    this.#drop(kept);
    this.#order(kept);
  }

  /** Resolves when no cell compiles any more. */
  async close(): Promise<void> {
    this.#isClosed = true;
    this.#compiling?.kill();
    await this.#work;
  }

  #order(kept: Kept): void {
    if (kept.made >= MAX_MADE) return;
    kept.made += 1;
    this.#work = this.#work.then(() => this.#compile(kept)).catch((error: unknown) => {
      this.#log.warn({ limitMb: kept.limitMb, error: messageOf(error) }, 'code-cache.not-made'); // the bundle may be none: its run says so
    });
  }

  async #compile(kept: Kept): Promise<void> {
    if (this.#isClosed) return;
    const cell = this.#make(kept.limitMb);
    this.#compiling = cell;
    try {
      await cell.start();
      const code = await within(cell.compile(kept.bundlePath), COMPILE_MS, 'it took too long to compile');
      if (!this.#isClosed && this.#kept.get(keyOf(kept.bundlePath, kept.limitMb)) === kept) kept.path = this.#bundles.put(code);
    } finally {
      this.#compiling = null;
      cell.kill();
      await cell.gone;
    }
  }

  #dropOldest(): void {
    const [oldest] = this.#kept;
    if (oldest === undefined) return;
    this.#kept.delete(oldest[0]);
    this.#drop(oldest[1]);
  }

  /** Cells that have it keep their link. */
  #drop(kept: Kept): void {
    if (kept.path !== null) this.#bundles.remove(kept.path);
    kept.path = null;
  }
}
