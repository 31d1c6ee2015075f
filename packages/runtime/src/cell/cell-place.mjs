// The place of a cell in the line for a core: the worker's own. `nice` is inherited, but where processes are in no cpu
// cgroup the kernel makes a group of each session (sched_autogroup), with a weight of its own, and the session that
// bubblewrap makes for a cell starts in the middle: under a worker that was put first, or last, it is put there too when it is
// there. To be first takes root or CAP_SYS_NICE; where it is not permitted the cell stays in the middle.
import { readFileSync, writeFileSync } from 'node:fs';

const LOOK_AGAIN_MS = 2;
/** A wall takes 5 to 10 ms to build. */
const LOOKS = 25;

/** @param {number} pid of a process that will get a session of its own */
export function placeSession(pid) {
  try {
    const ours = placeOf('self');
    if (ours.nice !== 0) placeOnceApart(pid, ours, LOOKS);
  } catch {
    // The kernel has no such groups.
  }
}

/** @param {number} pid @param {{ session: string, nice: number }} ours @param {number} looksLeft */
function placeOnceApart(pid, ours, looksLeft) {
  if (looksLeft === 0) return;
  try {
    if (placeOf(pid).session === ours.session) setTimeout(placeOnceApart, LOOK_AGAIN_MS, pid, ours, looksLeft - 1);
    else writeFileSync(`/proc/${pid}/autogroup`, String(ours.nice));
  } catch {
    // It has ended, or it is not permitted.
  }
}

/** `/autogroup-138324 nice 0` @param {number | 'self'} pid */
function placeOf(pid) {
  const [session = '', , nice = '0'] = readFileSync(`/proc/${pid}/autogroup`, 'utf8').split(' ');
  return { session, nice: Number(nice) };
}
