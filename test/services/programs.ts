import { spawnSync } from 'node:child_process';
import { accessSync, constants, existsSync } from 'node:fs';
import path from 'node:path';

import { BullpenError } from '@bullpen/core';
import { findRedisServer } from '@bullpen/infra';

/** Programs that npm does not deliver. Found on the machine, else installed where we may. */
const PROGRAMS = {
  redis: {
    title: 'Redis',
    aptPackage: 'redis-server',
    // Another version, or Valkey, that is not on PATH.
    find: () => process.env.BULLPEN_TEST_REDIS_SERVER ?? findRedisServer(process.env.PATH ?? ''),
    otherwise: 'install redis-server or valkey-server so that it is on PATH (Debian: apt-get install redis-server; macOS: brew install redis)',
  },
  valkey: {
    title: 'Valkey',
    aptPackage: 'valkey-server',
    find: () => process.env.BULLPEN_TEST_VALKEY_SERVER ?? findRedisServer(process.env.PATH ?? '', ['valkey-server']),
    otherwise: 'install valkey-server so that it is on PATH (Debian 13: apt-get install valkey-server, Debian 12 has it in bookworm-backports; macOS: brew install valkey), or set BULLPEN_TEST_VALKEY_SERVER',
  },
  zsh: {
    title: 'zsh',
    aptPackage: 'zsh',
    find: () => onPath('zsh'),
    otherwise: 'install zsh (Debian: apt-get install zsh; macOS has it)',
  },
  fish: {
    title: 'fish',
    aptPackage: 'fish',
    find: () => onPath('fish'),
    otherwise: 'install fish (Debian: apt-get install fish; macOS: brew install fish)',
  },
  bubblewrap: {
    title: 'bubblewrap',
    aptPackage: 'bubblewrap',
    find: () => ['/usr/bin/bwrap', '/usr/local/bin/bwrap', '/bin/bwrap'].find(isExecutable) ?? null,
    otherwise: 'install bubblewrap (Debian: apt-get install bubblewrap); tier strict exists on Linux only',
  },
  promtool: {
    title: 'promtool',
    aptPackage: 'prometheus',
    find: () => ['/usr/bin/promtool', '/usr/local/bin/promtool', '/opt/homebrew/bin/promtool'].find(isExecutable) ?? null,
    otherwise: 'install Prometheus, which brings promtool (Debian: apt-get install prometheus; macOS: brew install prometheus)',
  },
  chromium: {
    title: 'Chromium',
    aptPackage: 'chromium',
    find: findChromium,
    otherwise: 'install chromium or Google Chrome (Debian: apt-get install chromium; macOS: brew install --cask chromium), or set CHROMIUM_PATH',
  },
} as const;

export type ProgramName = keyof typeof PROGRAMS;

/**
 * The path of a program that the tests cannot do without.
 * @throws BullpenError SERVICE_UNAVAILABLE, saying how to install it, where it is neither there nor to be had.
 */
export function requireProgram(name: ProgramName): string {
  const program = PROGRAMS[name];
  const found = program.find();
  if (found) return found;
  const tried = installWithApt(program.aptPackage);
  const installed = program.find();
  if (installed) return installed;
  throw new BullpenError('SERVICE_UNAVAILABLE', `the tests need ${program.title}, and this machine has none${tried}: ${program.otherwise}`);
}

/**
 * A program without which something is not tried, and that is said (`publishReport`). Installed where the machine's packages have it.
 * @returns its path, or why there is none
 */
export function findProgram(name: ProgramName): { path: string } | { missing: string } {
  const program = PROGRAMS[name];
  const found = program.find() ?? (aptHas(program.aptPackage) && installWithApt(program.aptPackage) === '' ? program.find() : null);
  return found === null ? { missing: `no ${program.title} on this machine: ${program.otherwise}` } : { path: found };
}

/** True where apt-get may be used and knows the package without looking further. */
function aptHas(aptPackage: string): boolean {
  return canUseApt() && spawnSync('apt-cache', ['show', aptPackage], { stdio: 'ignore', timeout: 60_000 }).status === 0;
}

function onPath(name: string): string | null {
  const dirs = [...(process.env.PATH ?? '').split(path.delimiter).filter(Boolean), '/usr/bin', '/usr/local/bin', '/opt/homebrew/bin'];
  return dirs.map((dir) => path.join(dir, name)).find(isExecutable) ?? null;
}

function findChromium(): string | null {
  const given = process.env.CHROMIUM_PATH;
  const names = ['chromium', 'chromium-browser', 'google-chrome', 'google-chrome-stable', 'chrome'];
  const dirs = [...(process.env.PATH ?? '').split(path.delimiter).filter(Boolean), '/usr/bin', '/usr/local/bin', '/opt/homebrew/bin', '/opt/google/chrome'];
  const candidates = [
    ...(given ? [given] : []),
    ...dirs.flatMap((dir) => names.map((name) => path.join(dir, name))),
    '/Applications/Chromium.app/Contents/MacOS/Chromium',
    '/Applications/Google Chrome.app/Contents/MacOS/Google Chrome',
  ];
  return candidates.find(isExecutable) ?? null;
}

const canUseApt = (): boolean => process.getuid?.() === 0 && existsSync('/usr/bin/apt-get');

/** Only where it can work unasked: root, on Debian or Ubuntu. Returns what to add to the error where it did not help. */
function installWithApt(aptPackage: string): string {
  if (!canUseApt()) return ' (and only root on Debian or Ubuntu can install it here)';
  process.stderr.write(`installing ${aptPackage} with apt-get ...\n`);
  const env = {
    ...process.env,
    DEBIAN_FRONTEND: 'noninteractive',
    // A package must not start its own server at install: we start ours.
    RUNLEVEL: '1',
  };
  const run = (...args: string[]): boolean => spawnSync('apt-get', args, { env, stdio: 'ignore', timeout: 600_000 }).status === 0;
  const install = (): boolean => run('install', '-y', '--no-install-recommends', aptPackage);
  if (install() || (run('update') && install())) return '';
  return ` (apt-get install ${aptPackage} failed)`;
}

function isExecutable(file: string): boolean {
  try {
    accessSync(file, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
