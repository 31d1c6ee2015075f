import { existsSync, mkdirSync, readFileSync, rmdirSync, writeFileSync } from 'node:fs';
import { mkdir, rmdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

import type { MemoryCgroup } from './memory-cgroup.ts';

/**
 * The cores, divided by organization: the cells of one are in a cpu cgroup together, whose weight is the organization's, so
 * that many cells of one take no more from the others than one would. Nothing is taken while cores are idle. Version 1 where its
 * cpu controller can be written, inside the worker's own group, so that what holds the worker holds its cells; with version
 * 2, where a process is in one group only, each cell's group (memory-cgroup.ts) gets the weight by itself. Best effort: every call may find the
 * files gone. Guarantees: `join` never rejects; a group goes with the last cell in it, or with the next start of a worker.
 */
const V1_ROOT = '/sys/fs/cgroup/cpu';
const V2_ROOT = '/sys/fs/cgroup';
const USUAL_SHARES = 1024;
const USUAL_WEIGHT = 100;
const REMOVE_AGAIN_MS = 200;
const AUTOGROUP_NICE = /nice (-?\d+)/;
/** What one step of `nice` is worth, to the kernel. */
const NICE_STEP = 1.25;

/** A cell whose process runs. */
export interface SharingCell {
  readonly pid: number | null;
  readonly cgroup: MemoryCgroup | null;
  readonly gone: Promise<unknown>;
}

interface Group {
  readonly dir: Promise<string | null>;
  cells: number;
}

type Found = { readonly version: 1 | 2; readonly dir: string } | null;
let found: Found | undefined;
let made = 0;

/** Where cpu cgroups can be made, found out by making one; null where they cannot. */
export function cpuCgroups(): Found {
  found ??= [{ version: 1 as const, dir: ownV1Dir() }, { version: 2 as const, dir: V2_ROOT }].find(works) ?? null;
  return found;
}

export class CpuShares {
  readonly #weightOf: (orgId: string) => number;
  readonly #groups = new Map<string, Group>();

  /** @param weightOf - of an organization; 1 is usual */
  constructor(weightOf: (orgId: string) => number) {
    this.#weightOf = weightOf;
  }

  /** From now on the cell has its organization's share. Takes the kernel some milliseconds. */
  async join(orgId: string, cell: SharingCell): Promise<void> {
    const at = cpuCgroups();
    if (at === null || cell.pid === null) return;
    const weight = this.#weightOf(orgId);
    if (at.version === 2) return cell.cgroup?.weigh(within(1, Math.round(USUAL_WEIGHT * weight), 10_000));
    const group = this.#groupOf(orgId, at.dir, weight);
    group.cells += 1;
    void cell.gone.then(() => this.#leave(orgId, group));
    const dir = await group.dir;
    if (dir !== null) await writeFile(join(dir, 'cgroup.procs'), String(cell.pid)).catch(() => undefined);
  }

  #groupOf(orgId: string, parent: string, weight: number): Group {
    const known = this.#groups.get(orgId);
    if (known !== undefined) return known;
    const group = { dir: makeGroup(parent, weight), cells: 0 };
    this.#groups.set(orgId, group);
    return group;
  }

  #leave(orgId: string, group: Group): void {
    group.cells -= 1;
    if (group.cells > 0) return;
    this.#groups.delete(orgId);
    void group.dir.then((dir) => { if (dir !== null) remove(dir); });
  }
}

async function makeGroup(parent: string, weight: number): Promise<string | null> {
  made += 1;
  const dir = join(parent, `bullpen-${process.pid}-${made}`);
  try {
    await mkdir(dir);
    await writeFile(join(dir, 'cpu.shares'), String(within(2, Math.round(USUAL_SHARES * weight * ownFactor()), 262_144)));
    return dir;
  } catch {
    return null;
  }
}

/** A process in a cpu cgroup is in no group of its session any more: what that one's place was worth goes into the weight. */
function ownFactor(): number {
  try {
    return NICE_STEP ** -Number(AUTOGROUP_NICE.exec(readFileSync('/proc/self/autogroup', 'utf8'))?.[1] ?? 0);
  } catch {
    return 1;
  }
}

/** The kernel may need a moment to notice that nobody is in it. */
function remove(dir: string): void {
  rmdir(dir).catch(() => {
    setTimeout(() => { rmdir(dir).catch(() => undefined); }, REMOVE_AGAIN_MS).unref(); // else the next start removes it
  });
}

/** The worker's own group; the root where that is not to be seen from here. */
function ownV1Dir(): string {
  try {
    const path = /^\d+:(?:[^:\n]*,)?cpu(?:,[^:\n]*)?:(\/.*)$/m.exec(readFileSync('/proc/self/cgroup', 'utf8'))?.[1] ?? '/';
    return existsSync(join(V1_ROOT, path, 'cpu.shares')) ? join(V1_ROOT, path) : V1_ROOT;
  } catch {
    return V1_ROOT;
  }
}

function works({ version, dir }: NonNullable<Found>): boolean {
  const probe = join(dir, `bullpen-probe-cpu-${process.pid}`);
  try {
    mkdirSync(probe);
    try {
      writeFileSync(join(probe, version === 1 ? 'cpu.shares' : 'cpu.weight'), '64');
      return true;
    } finally {
      rmdirSync(probe);
    }
  } catch {
    return false;
  }
}

function within(least: number, value: number, most: number): number {
  return Math.min(most, Math.max(least, value));
}
