import { readFileSync, rmSync } from 'node:fs';
import path from 'node:path';

import { Deadline } from '@bullpen/core';

import { commandOf, endProcess, identifyProcess } from './process-identity.ts';

/**
 * Clears the way for a start: stops a postmaster of this very data folder that its launcher left behind, and removes a
 * `postmaster.pid` whose number now belongs to another program (Postgres would refuse to start beside it). The caller
 * holds the lock of the data folder, so a postmaster found here has no living launcher.
 */
export async function clearOrphanedPostmaster(clusterDir: string): Promise<void> {
  const file = path.join(clusterDir, 'postmaster.pid');
  const pid = readPid(file);
  if (pid === null) return;
  const live = identifyProcess(pid);
  if (live && isPostmasterOf(pid, clusterDir)) await endProcess(live, 'SIGINT', Deadline.in(10_000));
  rmSync(file, { force: true });
}

function readPid(file: string): number | null {
  try {
    const pid = Number.parseInt(readFileSync(file, 'utf8'), 10);
    return Number.isSafeInteger(pid) && pid > 0 ? pid : null;
  } catch {
    return null;
  }
}

function isPostmasterOf(pid: number, clusterDir: string): boolean {
  const command = commandOf(pid);
  return /\bpostgres\b/.test(command) && command.includes(clusterDir);
}
