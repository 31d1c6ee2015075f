import { mkdirSync, readFileSync, readdirSync, rmdirSync, writeFileSync } from 'node:fs';
import { mkdir, rmdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

/**
 * A memory cgroup for one cell: what the kernel holds it to behind the polling, tmpfs and page tables included. Version 1
 * where its memory controller is mounted, else version 2. Best effort: every call may find the files gone.
 */
const MIB = 1024 * 1024;
const VERSIONS = [
  { root: '/sys/fs/cgroup/memory', limit: 'memory.limit_in_bytes', killed: /oom_kill (\d+)/, events: 'memory.oom_control' },
  { root: '/sys/fs/cgroup', limit: 'memory.max', killed: /oom_kill (\d+)/, events: 'memory.events' },
] as const;
type Version = (typeof VERSIONS)[number];

const OURS = /^bullpen-\d+-\d+$/;
const REMOVE_AGAIN_MS = 200;

let found: Version | null | undefined;
let made = 0;

/** Where cgroups with a memory limit can be made, found out by making one; null where they cannot. */
export function memoryCgroupDir(): string | null {
  found ??= VERSIONS.find(works) ?? null;
  return found?.root ?? null;
}

/** Removes those of workers that were killed: the kernel keeps the ones that have a process in them. @param root - where they are made; null: nowhere */
export function removeLeftCgroups(root: string | null): void {
  if (root === null) return;
  for (const name of readdirSync(root).filter((one) => OURS.test(one))) {
    try {
      rmdirSync(join(root, name));
    } catch {
      // In use.
    }
  }
}

function works(version: Version): boolean {
  const dir = join(version.root, `bullpen-probe-${process.pid}`);
  try {
    mkdirSync(dir);
    try {
      writeFileSync(join(dir, version.limit), String(64 * MIB));
      return true;
    } finally {
      rmdirSync(dir);
    }
  } catch {
    return false;
  }
}

export class MemoryCgroup {
  readonly #version: Version;
  readonly #dir: string;

  private constructor(version: Version, dir: string) {
    this.#version = version;
    this.#dir = dir;
  }

  /** With the process in it; null where the machine gives none. */
  static async around(pid: number): Promise<MemoryCgroup | null> {
    if (memoryCgroupDir() === null || found === null || found === undefined) return null;
    made += 1;
    const dir = join(found.root, `bullpen-${process.pid}-${made}`);
    try {
      await mkdir(dir);
      await writeFile(join(dir, 'cgroup.procs'), String(pid)); // takes the kernel some milliseconds
      return new MemoryCgroup(found, dir);
    } catch {
      return null;
    }
  }

  limit(limitMb: number): void {
    try {
      writeFileSync(join(this.#dir, this.#version.limit), String(Math.ceil(limitMb) * MIB));
    } catch {
      // Gone with its cell.
    }
  }

  /** Its share of the cores, where such a group has one (version 2); 100 is usual. */
  weigh(weight: number): void {
    try {
      writeFileSync(join(this.#dir, 'cpu.weight'), String(weight));
    } catch {
      // Version 1, a controller that is not enabled here, or gone with its cell.
    }
  }

  /** Whether the kernel ended a process in it for its memory. */
  get hasKilled(): boolean {
    try {
      return Number(this.#version.killed.exec(readFileSync(join(this.#dir, this.#version.events), 'utf8'))?.[1] ?? 0) > 0;
    } catch {
      return false;
    }
  }

  /** Once no process is left in it; the kernel may need a moment to notice. */
  remove(): void {
    rmdir(this.#dir).catch(() => {
      setTimeout(() => { rmdir(this.#dir).catch(() => undefined); }, REMOVE_AGAIN_MS).unref(); // else the next start removes it
    });
  }
}
