import { chmodSync, copyFileSync, mkdirSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join, relative } from 'node:path';

import { makeCellDir } from './cell/cell-dir.ts';
import { oneScript } from './one-script.ts';

/**
 * The code that runs inside of containers, as they start with it: a script for each kind, written once for each wall, or for the
 * threads of a worker. They come from container/ as it is when the worker starts.
 */
const CONTAINER_DIR = join(import.meta.dirname, 'container');
/** Run by Node: a strict cell, the cell of an organization. Run by Piscina: a thread, here or in such a cell. */
const SCRIPTS = ['cell-entry', 'organization-cell', 'entry'] as const;
/** Read by a strict cell that rehearses. */
const REHEARSED = 'rehearsal-agent.mjs';

/** The directory of Piscina, and its main file. */
const PISCINA_MAIN = realpathSync(createRequire(import.meta.url).resolve('piscina'));
export const PISCINA_DIR = dirname(dirname(PISCINA_MAIN));

/**
 * @param dir - made here; readable for cells of any account
 * @param piscinaDir - where the code that is written finds what Piscina's threads run
 */
export function writeContainerCode(dir: string, piscinaDir = PISCINA_DIR): void {
  const piscina = { mainPath: PISCINA_MAIN, insideDir: join(piscinaDir, relative(PISCINA_DIR, dirname(PISCINA_MAIN))) };
  mkdirSync(dir);
  chmodSync(dir, 0o755); // whatever the umask
  for (const script of SCRIPTS) {
    const path = join(dir, `${script}.cjs`);
    writeFileSync(path, oneScript(join(CONTAINER_DIR, `${script}.mjs`), { piscina }));
    chmodSync(path, 0o644);
  }
  copyFileSync(join(CONTAINER_DIR, REHEARSED), join(dir, REHEARSED));
  chmodSync(join(dir, REHEARSED), 0o644);
}

/** The script of the worker's own threads (tier basic). Guarantees: it is there from `open` to `close`; both may come twice. */
export class ThreadCode {
  #dir: string | null = null;

  open(): void {
    if (this.#dir !== null) return;
    this.#dir = makeCellDir();
    writeContainerCode(join(this.#dir, 'container'));
  }

  /** @throws where it is not open. */
  get entryPath(): string {
    if (this.#dir === null) throw new Error('the code of threads was not written yet');
    return join(this.#dir, 'container', 'entry.cjs');
  }

  close(): void {
    if (this.#dir !== null) rmSync(this.#dir, { recursive: true, force: true });
    this.#dir = null;
  }
}
