import { execFile, spawnSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { chmodSync, chownSync, existsSync, mkdirSync, readFileSync, readdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { promisify } from 'node:util';

import { BullpenError } from '@bullpen/core';

import type { Account } from './postgres-account.ts';
import type { PostgresBinaries } from './postgres-binaries.ts';

/** The name of the one superuser; its password is random and lies beside the data, readable by its owner only. */
export const POSTGRES_USER = 'bullpen';

/** What Postgres and initdb see of the environment: nothing of ours, no locale of the machine. */
export const POSTGRES_ENV = { PATH: '/usr/local/bin:/usr/bin:/bin', LC_ALL: 'C', TZ: 'UTC' } as const;

const PASSWORD_FILE = 'bullpen-password';

/** Where the cluster of a data folder lies. */
export function clusterDirOf(dataDir: string): string {
  return path.join(dataDir, 'postgres');
}

export interface Cluster {
  readonly dir: string;
  readonly password: string;
}

/**
 * The cluster below `parentDir`, made where there is none. It is made beside its place and moved there whole, so that a
 * start that was killed half way leaves no half cluster.
 * @param durable - false spares the sync of a cluster that will not outlive a test.
 * @throws BullpenError SERVICE_UNAVAILABLE when the account cannot enter the folder, or the data is of another version.
 */
export async function openCluster(
  parentDir: string,
  binaries: PostgresBinaries,
  account: Account | null,
  durable: boolean,
): Promise<Cluster> {
  mkdirSync(parentDir, { recursive: true });
  if (account) letEnter(parentDir, account);
  const dir = clusterDirOf(parentDir);
  removeHalfMade(parentDir);
  if (!existsSync(path.join(dir, 'PG_VERSION'))) await makeCluster(dir, binaries, account, durable);
  const major = Number.parseInt(readFileSync(path.join(dir, 'PG_VERSION'), 'utf8'), 10);
  if (major !== binaries.major) {
    throw new BullpenError(
      'SERVICE_UNAVAILABLE',
      `the data in ${dir} is of Postgres ${major}, this is ${binaries.major}: move it away, or set BULLPEN_DATA_DIR to another folder`,
    );
  }
  return { dir, password: readFileSync(path.join(dir, PASSWORD_FILE), 'utf8').trim() };
}

async function makeCluster(dir: string, binaries: PostgresBinaries, account: Account | null, durable: boolean): Promise<void> {
  const newDir = `${dir}.new-${process.pid}`;
  mkdirSync(newDir, { mode: 0o700 });
  const password = randomBytes(24).toString('base64url');
  // initdb wants an empty folder, and reads the password as the account: the file lies beside it for that moment.
  const passwordFile = `${newDir}.password`;
  writeFileSync(passwordFile, `${password}\n`, { mode: 0o600 });
  for (const file of account ? [newDir, passwordFile] : []) chownSync(file, account!.uid, account!.gid);
  const args = [
    `--pgdata=${newDir}`, `--username=${POSTGRES_USER}`, `--pwfile=${passwordFile}`, '--auth=scram-sha-256', '--encoding=UTF8', '--locale=C',
    ...(durable ? [] : ['--no-sync']),
  ];
  try {
    await promisify(execFile)(binaries.initdb, args, { cwd: '/', env: POSTGRES_ENV, ...(account && { uid: account.uid, gid: account.gid }) });
    const kept = path.join(newDir, PASSWORD_FILE);
    renameSync(passwordFile, kept);
    renameSync(newDir, dir);
  } catch (cause) {
    for (const left of [newDir, passwordFile]) rmSync(left, { recursive: true, force: true });
    const said = (cause as { stderr?: string }).stderr?.trim() || String(cause);
    throw new BullpenError('SERVICE_UNAVAILABLE', `initdb could not make a cluster in ${dir}: ${said}`, { dir }, { cause });
  }
}

function removeHalfMade(parentDir: string): void {
  for (const name of readdirSync(parentDir)) {
    if (name.startsWith('postgres.new-')) rmSync(path.join(parentDir, name), { recursive: true, force: true });
  }
}

/** The account must get into the folder; its own parents are made enterable only where they are ours to make. */
function letEnter(dir: string, account: Account): void {
  chmodSync(dir, 0o755);
  const enters = (): boolean =>
    spawnSync('/bin/sh', ['-c', 'cd "$1"', 'sh', dir], { cwd: '/', uid: account.uid, gid: account.gid, stdio: 'ignore' }).status === 0;
  if (enters()) return;
  if (path.dirname(dir) === '/var/lib/bullpen') chmodSync(path.dirname(dir), 0o755);
  if (enters()) return;
  throw new BullpenError(
    'SERVICE_UNAVAILABLE',
    `Postgres runs as the account ${account.name}, which cannot enter ${dir}: set BULLPEN_DATA_DIR to a folder whose parents others may enter`,
    { dir, account: account.name },
  );
}
