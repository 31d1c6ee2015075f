import { mkdirSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';

import { say } from './say.mjs';

/** An install that takes longer than this has hung, or its number was given to another program. */
const STALE_MS = 15 * 60_000;

/** Runs `act` while no other bootstrap of this checkout is in it. A lock whose holder died is taken over. */
export async function withInstallLock(checkoutDir, act) {
  const file = path.join(checkoutDir, '.bullpen', 'install.lock');
  mkdirSync(path.dirname(file), { recursive: true, mode: 0o700 });
  let said = false;
  while (!take(file)) {
    if (holderIsGone(file)) {
      // Renamed first: of two that find it stale, one moves it away and the other finds nothing to move.
      const aside = `${file}.${process.pid}`;
      try {
        renameSync(file, aside);
        rmSync(aside, { force: true });
      } catch {
        // The other was faster.
      }
      continue;
    }
    if (!said) say('another start is installing the dependencies, waiting for it');
    said = true;
    await delay(200);
  }
  try {
    return await act();
  } finally {
    rmSync(file, { force: true });
  }
}

function take(file) {
  try {
    writeFileSync(file, String(process.pid), { flag: 'wx', mode: 0o600 });
    return true;
  } catch (error) {
    if (error.code === 'EEXIST') return false;
    throw error;
  }
}

function holderIsGone(file) {
  try {
    const pid = Number(readFileSync(file, 'utf8'));
    const { mtimeMs } = statSync(file);
    // Empty for the instant between its making and its writing.
    if (pid === 0) return Date.now() - mtimeMs > 5000;
    return Date.now() - mtimeMs > STALE_MS || !isAlive(pid);
  } catch (error) {
    return error.code !== 'ENOENT';
  }
}

function isAlive(pid) {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return error.code === 'EPERM';
  }
}
