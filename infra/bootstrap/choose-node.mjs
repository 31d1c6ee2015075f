import { spawnSync } from 'node:child_process';
import path from 'node:path';

import { SetupError } from './say.mjs';

/** Runs TypeScript as it is, and can ask a worker thread for its CPU time and heap. */
const OLDEST = [24, 6];

/**
 * The Node of the lock file where the platform has one, else our own where it is new enough.
 * @returns {{ file: string, version: string, from: string }}
 */
export function chooseNode(checkoutDir) {
  const locked = path.join(checkoutDir, 'node_modules', '.bin', 'node');
  const version = versionOf(locked);
  if (version && isNewEnough(version)) return { file: locked, version, from: 'of the lock file' };
  const own = process.versions.node;
  if (isNewEnough(own)) return { file: process.execPath, version: own, from: 'of this machine' };
  throw new SetupError(
    `this needs Node ${OLDEST.join('.')} or newer, this machine has ${own}, and the lock file has none that runs on ${process.platform}-${process.arch}: install Node 24 (https://nodejs.org) and run the command again`,
  );
}

/** Asked by running it: one that is there may still be built for another C library. */
function versionOf(file) {
  const asked = spawnSync(file, ['--version'], { encoding: 'utf8' });
  return asked.status === 0 ? asked.stdout.trim().replace(/^v/, '') : null;
}

function isNewEnough(version) {
  const [major, minor] = version.split('.').map(Number);
  return major > OLDEST[0] || (major === OLDEST[0] && minor >= OLDEST[1]);
}
