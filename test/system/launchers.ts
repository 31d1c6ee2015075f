import { readFileSync, readdirSync } from 'node:fs';

/** What a worker's cells look like from outside: launcher, bubblewrap, bubblewrap, Node. */

/** The processes that start the cells of a worker: of this process, or of another one. */
export function launchers(workerPid = process.pid): number[] {
  return pids().filter((pid) => parentOf(pid) === workerPid && commandOf(pid).includes('launcher-process.mjs'));
}

/** Bubblewraps around the cells of a worker, whoever their parent is by now: the outer one of each pair. */
export function walls(workerPid = process.pid): number[] {
  const all = pids().filter((pid) => /\/bullpen-cells-\w+?-(\d+)-/.exec(commandOf(pid))?.[1] === String(workerPid));
  return all.filter((pid) => !all.includes(parentOf(pid) ?? 0));
}

/** Its program and arguments, each ended by a NUL; empty where it has ended. */
export function commandOf(pid: number): string {
  return textOf(`/proc/${pid}/cmdline`);
}

/** Null: it has ended. */
export function parentOf(pid: number): number | null {
  const parent = /^PPid:\s+(\d+)$/m.exec(textOf(`/proc/${pid}/status`))?.[1];
  return parent === undefined ? null : Number(parent);
}

function pids(): number[] {
  return readdirSync('/proc').map(Number).filter((pid) => Number.isSafeInteger(pid));
}

function textOf(path: string): string {
  try {
    return readFileSync(path, 'latin1');
  } catch {
    return '';
  }
}
