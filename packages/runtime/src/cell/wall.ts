import { chmodSync, mkdtempSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

import { SOCKET_NAME } from '../egress/egress-proxy.ts';
import type { EngineTask } from '../engine.ts';
import { BundleShelf } from './bundle-shelf.ts';
import { makeCellDir } from './cell-dir.ts';
import type { CellProfile } from './cell-profile.ts';
import type { CellAccount, CellWall } from './cell-wall.ts';
import { PISCINA_DIR, writeContainerCode } from '../container-code.ts';
import type { LaunchedProcess } from './launched-process.ts';
import type { Launcher } from './launcher.ts';
import { childOf } from './process-readings.ts';
import type { WallPrograms } from './programs.ts';
import { endStrayWalls } from './stray-processes.ts';
import { assembleSeccompFilter, type Architecture } from './seccomp-filter.ts';
import { ThreadFootprint } from './thread-footprint.ts';

/**
 * The wall around a cell, as arguments of bubblewrap and of Node. A cell sees: the node binary and its shared libraries,
 * the container's own code, Piscina, one directory with its bundles, all read-only; a tmpfs of `TMP_BYTES`; the /proc of
 * its own pid namespace. No shell, no network interface that is up, no capability, no variable of ours.
 */
/** Where a cell finds the socket of the egress proxy: the one place outside that it can talk to. */
const CELL_EGRESS_DIR = '/egress';
const MIB = 1024 * 1024;
const TMP_BYTES = 16 * MIB;
const MAX_CPU_SECONDS = 2 * 24 * 60 * 60;
const CELL_PISCINA_DIR = '/cell/node_modules/piscina';
/** The shared libraries of a Node binary; addons that this process loaded stay outside. */
export const NODE_LIBRARY = /\/(ld-(linux|musl)[^/]*|lib(c|m|dl|pthread|rt|gcc_s|stdc\+\+|atomic|anl)[.-][^/]*)$/;

export class Wall implements CellWall {
  readonly tellsInit = true;
  readonly programs: WallPrograms;
  readonly account: CellAccount;
  readonly threadFootprint = new ThreadFootprint();
  /** Holds the filter, the container's code, the shelf of bundles and a directory for each cell. */
  readonly dir: string;
  readonly bundles: BundleShelf;
  readonly #launcher: Launcher;
  readonly #mounts: readonly string[];

  constructor(options: { launcher: Launcher; programs: WallPrograms; account: CellAccount; egressDir: string | null }) {
    this.#launcher = options.launcher;
    this.programs = options.programs;
    this.account = options.account;
    this.dir = makeCellDir();
    this.bundles = new BundleShelf(this.dir);
    writeFileSync(this.#filterPath, assembleSeccompFilter(process.arch as Architecture), { mode: 0o644 });
    const codeDir = join(this.dir, 'container');
    writeContainerCode(codeDir, CELL_PISCINA_DIR);
    this.#mounts = [...mounts(codeDir), ...(options.egressDir === null ? [] : ['--ro-bind', options.egressDir, CELL_EGRESS_DIR])];
  }

  get #filterPath(): string {
    return join(this.dir, 'seccomp.bpf');
  }

  makeBundleDir(): string {
    const dir = mkdtempSync(join(this.dir, 'bundle-'));
    chmodSync(dir, 0o755);
    return dir;
  }

  bundleUrl(_bundleDir: string, name: string): string {
    return `file:///bundle/${name}`;
  }

  /** The socket of the egress proxy is mounted elsewhere there. */
  inside(task: EngineTask): EngineTask {
    if (task.egressProxy === undefined) return task;
    return { ...task, egressProxy: { ...task.egressProxy, socketPath: `${CELL_EGRESS_DIR}/${SOCKET_NAME}` } };
  }

  launch(bundleDir: string, profile: CellProfile): LaunchedProcess {
    return this.#launcher.launch({
      file: this.programs.bwrap, args: this.#argumentsFor(bundleDir, profile), account: this.account,
      leadsGroup: false, tellsInfo: true, filterPath: this.#filterPath,
    });
  }

  pidOf(_launched: LaunchedProcess, initInfo: string): number {
    return childOf(initPidIn(initInfo));
  }

  async limit(pid: number, { maxFiles, maxProcesses, mayGrow }: CellProfile, dataMb: number): Promise<void> {
    const args = [
      '--pid', String(pid), `--data=${Math.ceil(dataMb * MIB)}${mayGrow ? ':unlimited' : ''}`, `--nofile=${maxFiles}`, `--nproc=${maxProcesses}`, `--fsize=${TMP_BYTES}`,
      '--core=0', `--cpu=${MAX_CPU_SECONDS}`,
    ];
    await this.#launcher.run({ file: this.programs.prlimit, args, account: this.account }); // as the cell's own account: another one would need a capability for it
  }

  /** Kills bubblewrap; the kernel then kills the first process of the namespace, and with it all others. */
  kill(launched: LaunchedProcess, initInfo: string): void {
    try {
      if (initInfo.includes('}')) process.kill(initPidIn(initInfo), 'SIGKILL');
    } catch {
      // It has ended, or never was.
    }
    launched.kill();
  }

  sweep(bundleDir: string): void {
    endStrayWalls(bundleDir);
  }

  remove(): void {
    rmSync(this.dir, { recursive: true, force: true });
  }

  /** Descriptors: 3 and 4 for frames, 5 for what bubblewrap tells, 6 for the filter. */
  #argumentsFor(bundleDir: string, profile: CellProfile): string[] {
    return [
      '--unshare-user', '--unshare-pid', '--unshare-net', '--unshare-ipc', '--unshare-uts', '--unshare-cgroup',
      '--cap-drop', 'ALL', '--new-session', '--die-with-parent', '--clearenv', '--hostname', 'cell',
      ...this.#mounts, ...(profile.needsPiscina ? ['--ro-bind', PISCINA_DIR, CELL_PISCINA_DIR] : []),
      '--ro-bind', bundleDir, '/bundle',
      '--proc', '/proc', '--size', String(TMP_BYTES), '--tmpfs', '/tmp', '--remount-ro', '/', '--chdir', '/',
      '--info-fd', '5', '--seccomp', '6',
      '--', '/cell/node', ...profile.nodeFlags, `/cell/container/${profile.entry}`,
    ];
  }
}

/** The first process of the pid namespace, as bubblewrap tells it. */
function initPidIn(initInfo: string): number {
  return Number((JSON.parse(initInfo) as Record<string, unknown>)['child-pid']);
}

function mounts(codeDir: string): string[] {
  const report = process.report.getReport() as { sharedObjects?: readonly string[] };
  const libraries = (report.sharedObjects ?? []).filter((path) => NODE_LIBRARY.test(path));
  return [
    '--ro-bind', realpathSync(process.execPath), '/cell/node',
    ...libraries.flatMap((path) => ['--ro-bind', realpathSync(path), path]),
    '--ro-bind', codeDir, '/cell/container',
  ];
}
