import { chmodSync, copyFileSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

import { makeCellDir } from './cell-dir.ts';
import { oneScript } from './one-script.ts';

/**
 * The code that runs inside of containers, as they start with it: a script for each kind, written once for each wall, or for the
 * threads of a worker. They come from container/ as it is when the worker starts.
 */
const CONTAINER_DIR = join(import.meta.dirname, '..', 'container');
/** Run by Node: a strict cell, the cell of an organization. Run by Piscina: a thread, here or in such a cell. */
const SCRIPTS = ['cell-entry', 'organization-cell', 'entry'] as const;
/** Read by a strict cell that rehearses. */
const REHEARSED = 'rehearsal-agent.mjs';

/**
 * @param dir - made here; readable for cells of any account
 * @param piscinaPath - where the code that is written finds Piscina
 */
export function writeContainerCode(dir: string, piscinaPath: string): void {
  mkdirSync(dir);
  chmodSync(dir, 0o755); // whatever the umask
  for (const script of SCRIPTS) {
    const path = join(dir, `${script}.cjs`);
    writeFileSync(path, oneScript(join(CONTAINER_DIR, `${script}.mjs`), { piscina: piscinaPath }));
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
    writeContainerCode(join(this.#dir, 'container'), 'piscina');
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
