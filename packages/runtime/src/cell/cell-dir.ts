import { chmodSync, mkdtempSync, readdirSync, readlinkSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { statField } from './process-readings.ts';
import { endStrayWalls } from './stray-processes.ts';

/**
 * The directory of a worker's cells: bundles as they see them, the filter. Its name says whose it is (pid namespace, pid,
 * when that process started), so that what a worker left behind that was killed can be told from what a living one uses.
 */
const PREFIX = 'bullpen-cells-';
/** When a process started, in clock ticks since the boot. */
const START_FIELD = 22;
const NAME = /^bullpen-cells-(\w+)-(\d+)-(\d+)-\w{6}$/;

export function makeCellDir(): string {
  const dir = mkdtempSync(join(tmpdir(), `${PREFIX}${pidNamespace()}-${process.pid}-${statField(process.pid, START_FIELD) ?? 0}-`));
  chmodSync(dir, 0o711); // cells pass through it to their own, whose names they are not told
  return dir;
}

/** Removes what dead workers of this account and pid namespace left behind, half-built walls too; gives how many directories. */
export function removeLeftCellDirs(): number {
  let removed = 0;
  for (const name of readdirSync(tmpdir())) {
    const [, namespace, pid, start] = NAME.exec(name) ?? [];
    if (namespace !== pidNamespace() || isAlive(Number(pid), Number(start))) continue;
    if (removeOurs(join(tmpdir(), name))) removed += 1;
  }
  return removed;
}

function removeOurs(dir: string): boolean {
  try {
    if (statSync(dir).uid !== process.getuid?.()) return false;
    if (process.platform === 'linux') endStrayWalls(dir);
    rmSync(dir, { recursive: true, force: true });
    return true;
  } catch {
    return false; // another worker that starts was faster
  }
}

/** A pid is used again: only with the same start is it the same process. */
function isAlive(pid: number, start: number): boolean {
  const startedAt = statField(pid, START_FIELD);
  if (startedAt !== null) return startedAt === start;
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}

function pidNamespace(): string {
  try {
    return /\d+/.exec(readlinkSync('/proc/self/ns/pid'))?.[0] ?? 'none';
  } catch {
    return 'none';
  }
}
