import { execFile, spawn, type ChildProcess } from 'node:child_process';
import { chmodSync, mkdtempSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { promisify } from 'node:util';

import type { EngineTask } from '../engine.ts';
import { BundleShelf } from './bundle-shelf.ts';
import { makeCellDir } from './cell-dir.ts';
import type { CellProfile } from './cell-profile.ts';
import type { CellAccount, CellWall } from './cell-wall.ts';
import { ThreadFootprint } from './thread-footprint.ts';

/**
 * What stands around the cell of an organization where namespaces cannot be had: a process of its own with an empty
 * environment, under an account of its own where the worker is root, with the kernel's limits where there is `prlimit`.
 * It keeps memory and crashes of organizations apart, not files or the network. Never used for tier strict.
 */
const MIB = 1024 * 1024;
const CONTAINER_DIR = join(import.meta.dirname, '..', 'container');
const execFileAsync = promisify(execFile);

export class PlainWall implements CellWall {
  readonly tellsInit = false;
  readonly account: CellAccount;
  readonly threadFootprint = new ThreadFootprint();
  readonly #prlimit: string | null;
  readonly bundles: BundleShelf;
  readonly #dir: string;

  constructor(options: { account: CellAccount; prlimit: string | null }) {
    this.account = options.account;
    this.#prlimit = options.prlimit;
    this.#dir = makeCellDir();
    this.bundles = new BundleShelf(this.#dir);
  }

  makeBundleDir(): string {
    const dir = mkdtempSync(join(this.#dir, 'bundle-'));
    chmodSync(dir, 0o755);
    return dir;
  }

  bundleUrl(bundleDir: string, name: string): string {
    return pathToFileURL(join(bundleDir, name)).href;
  }

  inside(task: EngineTask): EngineTask {
    return task;
  }

  /** A group of its own: what the cell starts goes with it. */
  spawn(_bundleDir: string, profile: CellProfile): ChildProcess {
    const flags = profile.nodeFlags.filter((flag) => !/^--(permission|allow-)/.test(flag)); // they name paths behind a wall
    return spawn(process.execPath, [...flags, join(CONTAINER_DIR, profile.entry)], {
      stdio: ['ignore', 'ignore', 'pipe', 'pipe', 'pipe'], env: {}, cwd: '/', detached: true, ...this.account,
    });
  }

  pidOf(child: ChildProcess): number {
    if (child.pid === undefined) throw new Error('the cell has no pid');
    return child.pid;
  }

  async limit(pid: number, { maxFiles }: CellProfile, dataMb: number): Promise<void> {
    if (this.#prlimit === null) return;
    await execFileAsync(this.#prlimit, ['--pid', String(pid), `--data=${Math.ceil(dataMb * MIB)}:unlimited`, `--nofile=${maxFiles}`, '--core=0'], { ...this.account, env: {}, cwd: '/' });
  }

  kill(child: ChildProcess): void {
    try {
      if (child.pid !== undefined) process.kill(-child.pid, 'SIGKILL');
    } catch {
      child.kill('SIGKILL');
    }
  }

  /** It is one process. */
  sweep(): void {}

  remove(): void {
    rmSync(this.#dir, { recursive: true, force: true });
  }
}
