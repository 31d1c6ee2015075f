import { linkSync, mkdirSync, renameSync, rmSync } from 'node:fs';
import path from 'node:path';

import { BullpenError } from '@bullpen/core';

import { readLiveRecord, removeProcessRecord, writeProcessRecord } from './process-identity.ts';

/**
 * One launcher at a time uses a data folder. The lock names its holder by process number and start time, so that the
 * lock of a launcher that was killed is taken over and one of a living launcher never is.
 * @returns what gives the lock back
 * @throws BullpenError ALREADY_EXISTS when another launcher holds it
 */
export function takeLaunchLock(dataDir: string): () => void {
  mkdirSync(dataDir, { recursive: true, mode: 0o755 });
  const file = path.join(dataDir, 'launcher.json');
  const mine = `${file}.${process.pid}`;
  writeProcessRecord(mine, process.pid);
  try {
    while (!tryLink(mine, file)) {
      const holder = readLiveRecord(file);
      if (holder) {
        throw new BullpenError(
          'ALREADY_EXISTS',
          `Bullpen is already running with the data in ${dataDir} (process ${holder.pid}): stop that one first (kill ${holder.pid}), or set BULLPEN_DATA_DIR to another folder`,
          { dataDir, pid: holder.pid },
        );
      }
      moveAway(file);
    }
  } finally {
    rmSync(mine, { force: true });
  }
  return () => removeProcessRecord(file);
}

/** A link appears whole or not at all, and never over an existing file. */
function tryLink(from: string, to: string): boolean {
  try {
    linkSync(from, to);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false;
    throw error;
  }
}

/** Of two launchers that find the same stale lock, one moves it and the other finds none to move. */
function moveAway(file: string): void {
  const aside = `${file}.stale-${process.pid}`;
  try {
    renameSync(file, aside);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
  }
  rmSync(aside, { force: true });
}
