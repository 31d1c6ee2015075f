import { execFile } from 'node:child_process';
import { readdirSync, statSync } from 'node:fs';
import path from 'node:path';
import { promisify } from 'node:util';

import { BullpenError } from '@bullpen/core';

import { CHECKOUT_DIR } from './data-dir.ts';

const DASHBOARD_DIR = path.join(CHECKOUT_DIR, 'apps', 'dashboard');
/** What the pages are made of. */
const SOURCES = [DASHBOARD_DIR, path.join(CHECKOUT_DIR, 'packages', 'core', 'src'), path.join(CHECKOUT_DIR, 'pnpm-lock.yaml')];
const NOT_SOURCES = new Set(['node_modules', 'dist', '.turbo']);

/**
 * Builds the dashboard unless it is built and newer than everything it is made of.
 * @returns whether it was built now
 * @throws BullpenError INTERNAL with the build's own words
 */
export async function buildDashboard(): Promise<boolean> {
  if (newestMs(path.join(DASHBOARD_DIR, 'dist', 'index.html')) > Math.max(...SOURCES.map(newestMs))) return false;
  const vite = path.join(DASHBOARD_DIR, 'node_modules', 'vite', 'bin', 'vite.js');
  try {
    await promisify(execFile)(process.execPath, [vite, 'build'], { cwd: DASHBOARD_DIR });
    return true;
  } catch (cause) {
    const { stdout = '', stderr = '' } = cause as { stdout?: string; stderr?: string };
    throw new BullpenError('INTERNAL', `the dashboard does not build:\n${stdout}${stderr}`.trim(), {}, { cause });
  }
}

/** Time of the last change at or below `file`; 0 where there is nothing. */
function newestMs(file: string): number {
  const stat = statSync(file, { throwIfNoEntry: false });
  if (!stat) return 0;
  if (!stat.isDirectory()) return stat.mtimeMs;
  return readdirSync(file).reduce((newest, name) => (NOT_SOURCES.has(name) ? newest : Math.max(newest, newestMs(path.join(file, name)))), 0);
}
