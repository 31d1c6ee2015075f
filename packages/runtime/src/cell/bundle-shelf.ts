import { randomUUID } from 'node:crypto';
import { chmodSync, linkSync, mkdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

/**
 * Bundles on their way into cells, kept for the next hand-over. A small one travels in the frame; a larger one is a file
 * that cells of any account may read, linked into the directory of each cell that gets it: nobody else reaches it by a
 * path. Guarantees: what a cell gets is what was in the file when it was first asked for (its name is its hash, so it does
 * not change); at most `MAX_KEPT` are kept.
 */

/** Below it, a frame is cheaper than a file on both sides. */
const MAX_TEXT_BYTES = 32 * 1024;
const MAX_KEPT = 256;

export type ShelvedBundle = { readonly kind: 'text'; readonly text: string } | { readonly kind: 'file'; readonly path: string };

export class BundleShelf {
  readonly #dir: string;
  /** In order of use, the oldest first. */
  readonly #bundles = new Map<string, ShelvedBundle>();

  /** @param dir - of the wall; nobody else lists it */
  constructor(dir: string) {
    this.#dir = join(dir, 'shelf');
    mkdirSync(this.#dir, { mode: 0o700 });
  }

  /** @throws where there is no such file. */
  get(bundlePath: string): ShelvedBundle {
    const bundle = this.#bundles.get(bundlePath) ?? this.#take(bundlePath);
    this.#bundles.delete(bundlePath);
    this.#bundles.set(bundlePath, bundle);
    if (this.#bundles.size > MAX_KEPT) this.#dropOldest();
    return bundle;
  }

  /** Puts a file of the shelf into a cell's directory. */
  link(path: string, cellDir: string, name: string): void {
    linkSync(path, join(cellDir, name));
  }

  /** Something else that cells read: gives its file. */
  put(content: Buffer): string {
    const path = join(this.#dir, randomUUID());
    writeFileSync(path, content);
    chmodSync(path, 0o644); // whatever the umask
    return path;
  }

  remove(path: string): void {
    rmSync(path, { force: true });
  }

  /** Cells that have it keep their link. */
  #dropOldest(): void {
    const [oldest] = this.#bundles;
    if (oldest === undefined) return;
    const [name, bundle] = oldest;
    if (bundle.kind === 'file') this.remove(bundle.path);
    this.#bundles.delete(name);
  }

  #take(bundlePath: string): ShelvedBundle {
    if (statSync(bundlePath).size <= MAX_TEXT_BYTES) return { kind: 'text', text: readFileSync(bundlePath, 'utf8') };
    return { kind: 'file', path: this.put(readFileSync(bundlePath)) };
  }
}
