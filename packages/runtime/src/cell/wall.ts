import { chmodSync, mkdtempSync, openSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { SOCKET_NAME } from '../egress/egress-proxy.ts';
import type { EngineTask } from '../engine.ts';
import { BundleShelf } from './bundle-shelf.ts';
import type { WallPrograms } from './programs.ts';
import { assembleSeccompFilter, type Architecture } from './seccomp-filter.ts';

/**
 * The wall around a strict cell, as arguments of bubblewrap and of Node. A cell sees: the node binary and its shared
 * libraries, the container's own code, one directory with its bundle, all read-only; a tmpfs of `TMP_BYTES`; the /proc
 * of its own pid namespace. No shell, no network interface that is up, no capability, no variable of ours.
 */

/** Whom cells run as where the worker is root: nobody else's uid, so that a hole in the wall is not root's. */
export const CELL_ACCOUNT = Object.freeze({ uid: 64_731, gid: 64_731 });
export type CellAccount = { readonly uid: number; readonly gid: number } | null;

/** Where a cell finds the socket of the egress proxy: the one place outside that it can talk to. */
const CELL_EGRESS_DIR = '/egress';

const TMP_BYTES = 16 * 1024 * 1024;
const CONTAINER_DIR = join(import.meta.dirname, '..', 'container');
/** The shared libraries of a Node binary; addons that this process loaded stay outside. */
const NODE_LIBRARY = /\/(ld-(linux|musl)[^/]*|lib(c|m|dl|pthread|rt|gcc_s|stdc\+\+|atomic|anl)[.-][^/]*)$/;

export class Wall {
  readonly programs: WallPrograms;
  readonly account: CellAccount;
  /** Holds the filter, the shelf of bundles and a directory for each cell. */
  readonly dir: string;
  readonly bundles: BundleShelf;
  readonly #mounts: readonly string[];

  constructor(options: { programs: WallPrograms; account: CellAccount; egressDir: string | null }) {
    this.programs = options.programs;
    this.account = options.account;
    this.dir = mkdtempSync(join(tmpdir(), 'bullpen-cells-'));
    chmodSync(this.dir, 0o711);
    this.bundles = new BundleShelf(this.dir);
    writeFileSync(this.#filterPath, assembleSeccompFilter(process.arch as Architecture), { mode: 0o644 });
    this.#mounts = [...mounts(), ...(options.egressDir === null ? [] : ['--ro-bind', options.egressDir, CELL_EGRESS_DIR])];
  }

  get #filterPath(): string {
    return join(this.dir, 'seccomp.bpf');
  }

  /** An open file that bubblewrap reads to its end; closed by whoever asked. */
  openFilter(): number {
    return openSync(this.#filterPath, 'r');
  }

  /** A directory that becomes a cell's /bundle; what is put there later appears in it. */
  makeBundleDir(): string {
    const dir = mkdtempSync(join(this.dir, 'bundle-'));
    chmodSync(dir, 0o755);
    return dir;
  }

  /** Descriptors: 3 and 4 for frames, 5 for what bubblewrap tells, 6 for the filter. */
  argumentsFor({ bundleDir, limitMb }: { bundleDir: string; limitMb: number }): string[] {
    return [
      '--unshare-user', '--unshare-pid', '--unshare-net', '--unshare-ipc', '--unshare-uts', '--unshare-cgroup',
      '--cap-drop', 'ALL', '--new-session', '--die-with-parent', '--clearenv', '--hostname', 'cell',
      ...this.#mounts,
      '--ro-bind', bundleDir, '/bundle',
      '--proc', '/proc', '--size', String(TMP_BYTES), '--tmpfs', '/tmp', '--remount-ro', '/', '--chdir', '/',
      '--info-fd', '5', '--seccomp', '6',
      '--', '/cell/node', ...nodeFlags(limitMb), '/cell/container/cell-entry.mjs',
    ];
  }

  remove(): void {
    rmSync(this.dir, { recursive: true, force: true });
  }
}

/** The task as a cell sees it: the socket of the egress proxy is mounted elsewhere there. */
export function egressInCell(task: EngineTask): EngineTask {
  if (task.egressProxy === undefined) return task;
  return { ...task, egressProxy: { ...task.egressProxy, socketPath: `${CELL_EGRESS_DIR}/${SOCKET_NAME}` } };
}

function nodeFlags(limitMb: number): string[] {
  return [
    '--permission', '--allow-fs-read=/cell/container/*', '--allow-fs-read=/bundle/*', '--allow-fs-read=/tmp/*', '--allow-fs-write=/tmp/*',
    '--no-experimental-sqlite', // walks past the permission model
    '--disable-sigusr1', `--max-old-space-size=${limitMb}`, '--max-semi-space-size=1',
  ];
}

function mounts(): string[] {
  const report = process.report.getReport() as { sharedObjects?: readonly string[] };
  const libraries = (report.sharedObjects ?? []).filter((path) => NODE_LIBRARY.test(path));
  return [
    '--ro-bind', realpathSync(process.execPath), '/cell/node',
    ...libraries.flatMap((path) => ['--ro-bind', realpathSync(path), path]),
    '--ro-bind', CONTAINER_DIR, '/cell/container',
  ];
}
