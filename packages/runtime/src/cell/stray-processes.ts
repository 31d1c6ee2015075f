import { readFileSync, readdirSync } from 'node:fs';

/**
 * Ends what a bubblewrap left behind that was killed while it still built its wall (by the kernel, for want of memory, or with
 * the worker that started it). Its second half waits for a word of the first one, for ever: nothing tells it that nobody is
 * there any more. It is known by its arguments, which name a directory of a cell, or of a worker, that nobody else has.
 */
const BUBBLEWRAP = /(^|\/)bwrap$/;

/** @returns how many there were, of those that this process may end */
export function endStrayWalls(dir: string): number {
  return readdirSync('/proc').filter((pid) => /^\d+$/.test(pid) && isWallOf(pid, dir) && end(Number(pid))).length;
}

function isWallOf(pid: string, dir: string): boolean {
  try {
    const [program = '', ...given] = readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0');
    return BUBBLEWRAP.test(program) && given.some((one) => one === dir || one.startsWith(`${dir}/`));
  } catch {
    return false; // it has ended
  }
}

function end(pid: number): boolean {
  try {
    process.kill(pid, 'SIGKILL');
    return true;
  } catch {
    return false; // ended, or of another account
  }
}
