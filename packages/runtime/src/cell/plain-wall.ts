import { chmodSync, mkdtempSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';

import type { EngineTask } from '../engine.ts';
import { BundleShelf } from './bundle-shelf.ts';
import { CellAccounts } from './cell-accounts.ts';
import { makeCellDir } from './cell-dir.ts';
import type { CellProfile } from './cell-profile.ts';
import type { CellAccount, CellWall } from './cell-wall.ts';
import { writeContainerCode } from '../container-code.ts';
import type { LaunchedProcess } from './launched-process.ts';
import type { Launcher } from './launcher.ts';
import { ThreadFootprint } from './thread-footprint.ts';

/**
 * What stands around the cell of an organization where namespaces cannot be had: a process of its own with an empty
 * environment, under an account of its own where the worker is root, with the kernel's limits where there is `prlimit`.
 * It keeps crashes of organizations apart, and where the worker is root their memory; not files or the network. Never used for tier strict.
 */
const MIB = 1024 * 1024;

export class PlainWall implements CellWall {
  readonly tellsInit = false;
  readonly account: CellAccount;
  readonly threadFootprint = new ThreadFootprint();
  readonly #accounts = new CellAccounts();
  /** Of live cells, by their pid. */
  readonly #launched = new WeakMap<LaunchedProcess, CellAccount>();
  readonly #accountOf = new Map<number, CellAccount>();
  readonly #launcher: Launcher;
  readonly #prlimit: string | null;
  readonly bundles: BundleShelf;
  readonly #dir: string;

  constructor(options: { launcher: Launcher; account: CellAccount; prlimit: string | null }) {
    this.#launcher = options.launcher;
    this.account = options.account;
    this.#prlimit = options.prlimit;
    this.#dir = makeCellDir();
    this.bundles = new BundleShelf(this.#dir);
    writeContainerCode(this.#codeDir);
  }

  get #codeDir(): string {
    return join(this.#dir, 'container');
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
  launch(_bundleDir: string, profile: CellProfile): LaunchedProcess {
    const flags = profile.nodeFlags.filter((flag) => !/^--(permission|allow-)/.test(flag)); // they name paths behind a wall
    const account = this.account === null ? null : this.#accounts.take();
    if (this.account !== null && account === null) throw new Error('there is no account left for one more cell');
    const launched = this.#launcher.launch({
      file: process.execPath, args: [...flags, join(this.#codeDir, profile.entry)], account,
      leadsGroup: true, tellsInfo: false, filterPath: null,
    });
    this.#remember(launched, account);
    return launched;
  }

  pidOf(launched: LaunchedProcess): number {
    const { pid } = launched;
    if (pid === null) throw new Error('the cell has no pid');
    this.#accountOf.set(pid, this.#launched.get(launched) ?? null);
    return pid;
  }

  #remember(launched: LaunchedProcess, account: CellAccount): void {
    this.#launched.set(launched, account);
    void launched.gone.then(() => {
      if (launched.pid !== null) this.#accountOf.delete(launched.pid);
      this.#accounts.giveBack(account);
    });
  }

  async limit(pid: number, { maxFiles }: CellProfile, dataMb: number): Promise<void> {
    if (this.#prlimit === null) return;
    const args = ['--pid', String(pid), `--data=${Math.ceil(dataMb * MIB)}:unlimited`, `--nofile=${maxFiles}`, '--core=0'];
    await this.#launcher.run({ file: this.#prlimit, args, account: this.#accountOf.get(pid) ?? null });
  }

  kill(launched: LaunchedProcess): void {
    launched.kill();
  }

  /** It is one process. */
  sweep(): void {}

  remove(): void {
    rmSync(this.#dir, { recursive: true, force: true });
  }
}
