import { readFileSync, readdirSync } from 'node:fs';

/** The processes that start the cells of a worker: of this process, or of another one. */
export function launchers(workerPid = process.pid): number[] {
  return readdirSync('/proc').map(Number).filter((pid) => Number.isSafeInteger(pid) && isLauncherOf(pid, workerPid));
}

function isLauncherOf(pid: number, workerPid: number): boolean {
  try {
    const parent = Number(/^PPid:\s+(\d+)$/m.exec(readFileSync(`/proc/${pid}/status`, 'latin1'))?.[1]);
    return parent === workerPid && readFileSync(`/proc/${pid}/cmdline`, 'latin1').includes('launcher-process.mjs');
  } catch {
    return false; // it has ended
  }
}
