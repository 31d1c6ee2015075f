import { createHash, randomUUID } from 'node:crypto';
import { lstatSync } from 'node:fs';
import { chmod, lstat, mkdir, readdir, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';

import { BullpenError, messageOf, type Logger } from '@bullpen/core';

/** Where bundles come from: the record, by organization and hash. */
export interface BundleSource {
  /** @throws NOT_FOUND where the organization has no such bundle. */
  load(orgId: string, sha256: string): Promise<string>;
}

/** A bundle on disk, which stays there until it is released. */
export interface HeldBundle {
  readonly url: string;
  release(): void;
}

interface Entry {
  readonly url: string;
  bytes: number;
  /** Of the file as it was written; null until it was, by this process. */
  print: string | null;
  /** Organizations that the source gave this bundle to. Only they may have it from disk. */
  readonly orgs: Set<string>;
  holders: number;
}

const FILE_PATTERN = /^([0-9a-f]{64})\.mjs$/;
const LEFTOVER_PATTERN = /^[0-9a-f]{64}\.mjs\.[0-9a-f-]{36}\.tmp$/;

/**
 * Bundles as files that a thread can import. Guarantees: a file holds exactly the bytes its name is the hash of, or is
 * not there (written beside and renamed); one that is gone or was changed since is brought anew; an organization gets a bundle only after the source gave it to that
 * organization; loads of the same bundle that overlap are one load; the files take at most `maxBytes` beyond what is
 * held, the least recently used leave first; a held bundle stays. One process per directory.
 */
export class BundleCache {
  readonly #source: BundleSource;
  readonly #dir: string;
  readonly #maxBytes: number;
  readonly #log: Logger;
  /** In order of use, the oldest first. */
  readonly #entries = new Map<string, Entry>();
  readonly #loading = new Map<string, Promise<Entry>>();
  #bytes = 0;

  constructor(options: { source: BundleSource; dir: string; maxBytes: number; log: Logger }) {
    this.#source = options.source;
    this.#dir = options.dir;
    this.#maxBytes = options.maxBytes;
    this.#log = options.log;
  }

  /** Bytes on disk. */
  get bytes(): number {
    return this.#bytes;
  }

  /** Makes the directory, and counts what an earlier process left there; its files are written anew at first use. */
  async open(): Promise<void> {
    await mkdir(this.#dir, { recursive: true, mode: 0o700 });
    for (const name of await readdir(this.#dir)) {
      const sha256 = FILE_PATTERN.exec(name)?.[1];
      if (sha256 !== undefined && !this.#entries.has(sha256)) {
        const found = await lstat(this.#path(sha256));
        if (found.isFile()) {
          this.#entries.set(sha256, this.#entry(sha256, found.size));
          this.#bytes += found.size;
        } else await rm(this.#path(sha256), { recursive: true, force: true }); // a link, a directory: nothing of ours
      } else if (LEFTOVER_PATTERN.test(name)) await rm(join(this.#dir, name), { force: true });
    }
    await this.#makeRoom();
  }

  /**
   * Brings a bundle to disk and holds it there.
   * @throws BUNDLE_LOAD_FAILED where there is none, BUNDLE_HASH_MISMATCH where it is another one, and what the source throws.
   */
  async hold(orgId: string, sha256: string): Promise<HeldBundle> {
    const known = this.#entries.get(sha256);
    const isUsable = known?.orgs.has(orgId) === true && known.print === this.#printOf(sha256);
    const entry = isUsable ? known : await this.#loadOnce(orgId, sha256);
    entry.holders += 1;
    this.#entries.delete(sha256);
    this.#entries.set(sha256, entry);
    let isHeld = true;
    return {
      url: entry.url,
      release: () => {
        if (isHeld) entry.holders -= 1;
        isHeld = false;
      },
    };
  }

  #loadOnce(orgId: string, sha256: string): Promise<Entry> {
    const key = `${orgId}/${sha256}`;
    const underway = this.#loading.get(key);
    if (underway !== undefined) return underway;
    const load = this.#load(orgId, sha256).finally(() => this.#loading.delete(key));
    this.#loading.set(key, load);
    return load;
  }

  async #load(orgId: string, sha256: string): Promise<Entry> {
    const bundle = Buffer.from(await this.#ask(orgId, sha256));
    const actual = createHash('sha256').update(bundle).digest('hex');
    if (actual !== sha256) throw new BullpenError('BUNDLE_HASH_MISMATCH', `the bundle ${sha256} has the hash ${actual}`, { orgId, sha256 });
    await this.#write(sha256, bundle);
    const before = this.#entries.get(sha256);
    this.#bytes += bundle.length - (before?.bytes ?? 0);
    const entry = before ?? this.#entry(sha256, 0);
    entry.bytes = bundle.length;
    entry.print = this.#printOf(sha256);
    entry.orgs.add(orgId);
    this.#entries.set(sha256, entry);
    entry.holders += 1; // not the one to leave for its own sake
    await this.#makeRoom();
    entry.holders -= 1;
    return entry;
  }

  async #ask(orgId: string, sha256: string): Promise<string> {
    try {
      return await this.#source.load(orgId, sha256);
    } catch (error) {
      if ((error as { code?: unknown } | null)?.code !== 'NOT_FOUND') throw error;
      throw new BullpenError('BUNDLE_LOAD_FAILED', `there is no bundle ${sha256}`, { orgId, sha256 });
    }
  }

  async #write(sha256: string, bundle: Buffer): Promise<void> {
    const path = this.#path(sha256);
    const beside = `${path}.${randomUUID()}.tmp`;
    try {
      await writeFile(beside, bundle, { mode: 0o600, flag: 'wx' });
      await chmod(beside, 0o600); // whatever the umask
      await rename(beside, path);
    } catch (error) {
      await rm(beside, { force: true });
      throw error;
    }
  }

  async #makeRoom(): Promise<void> {
    for (const [sha256, entry] of this.#entries) {
      if (this.#bytes <= this.#maxBytes) return;
      if (entry.holders > 0) continue;
      this.#entries.delete(sha256);
      this.#bytes -= entry.bytes;
      await rm(this.#path(sha256), { force: true }).catch((error: unknown) => {
        this.#log.warn({ sha256, error: messageOf(error) }, 'bundle-cache.remove-failed');
      });
    }
  }

  #entry(sha256: string, bytes: number): Entry {
    return { url: pathToFileURL(this.#path(sha256)).href, bytes, print: null, orgs: new Set(), holders: 0 };
  }

  /** Tells a file from any other that was put in its place, or written over it; null where there is none. */
  #printOf(sha256: string): string | null {
    const found = lstatSync(this.#path(sha256), { throwIfNoEntry: false });
    return found === undefined ? null : `${found.ino} ${found.size} ${found.mtimeMs}`;
  }

  #path(sha256: string): string {
    return join(this.#dir, `${sha256}.mjs`);
  }
}
