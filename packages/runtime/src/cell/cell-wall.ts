import type { EngineTask } from '../engine.ts';
import type { BundleShelf } from './bundle-shelf.ts';
import type { CellProfile } from './cell-profile.ts';
import type { LaunchedProcess } from './launched-process.ts';
import type { ThreadFootprint } from './thread-footprint.ts';

/** Whom cells run as where the worker is root: nobody else's uid, so that a hole in the wall is not root's. */
export const CELL_ACCOUNT = Object.freeze({ uid: 64_731, gid: 64_731 });
export type CellAccount = { readonly uid: number; readonly gid: number } | null;

/**
 * What stands around a cell: bubblewrap's namespaces (wall.ts), or nothing but a process of its own (plain-wall.ts).
 * Descriptors of a cell: 3 and 4 for frames, 5 for what bubblewrap tells where it does.
 */
export interface CellWall {
  readonly account: CellAccount;
  /** Whether somebody tells on descriptor 5 which process is the first behind the wall. */
  readonly tellsInit: boolean;
  /** What a thread in such a cell holds before it does anything. */
  readonly threadFootprint: ThreadFootprint;
  /** Bundles on their way into cells. */
  readonly bundles: BundleShelf;
  /** A directory that a cell reads its bundles from; what is put there later appears in it. */
  makeBundleDir(): string;
  /** Where a cell finds what lies in its directory. */
  bundleUrl(bundleDir: string, name: string): string;
  /** A task as a cell sees it. */
  inside(task: EngineTask): EngineTask;
  launch(bundleDir: string, profile: CellProfile): LaunchedProcess;
  /** Node's, once the cell is ready. */
  pidOf(launched: LaunchedProcess, initInfo: string): number;
  /** The kernel's limits on a running cell; `dataMb` is of everything it holds. */
  limit(pid: number, profile: CellProfile, dataMb: number): Promise<void>;
  /** @param initInfo - of one that is not ready: what was told on descriptor 5, else empty */
  kill(launched: LaunchedProcess, initInfo: string): void;
  /** Ends what is left of a cell whose first process has ended. */
  sweep(bundleDir: string): void;
  /** Once no cell is left. */
  remove(): void;
}
