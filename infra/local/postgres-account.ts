import { spawnSync } from 'node:child_process';
import { statSync } from 'node:fs';

import { BullpenError } from '@bullpen/core';

/** An account of the operating system that Postgres runs as. */
export interface Account {
  readonly name: string;
  readonly uid: number;
  readonly gid: number;
}

/**
 * Whom Postgres runs as: null where we are an ordinary user (then it is us). Postgres refuses to run as root, so root
 * takes the owner of a cluster that is there, else the account `postgres` where there is one, else makes a system
 * account `bullpen`, else takes `nobody`.
 * @throws BullpenError SERVICE_UNAVAILABLE when root finds none of them.
 */
export function choosePostgresAccount(clusterDir: string): Account | null {
  if (process.getuid?.() !== 0) return null;
  const account = ownerOf(clusterDir) ?? lookUp('postgres') ?? lookUp('bullpen') ?? makeSystemAccount('bullpen') ?? lookUp('nobody');
  if (account) return account;
  throw new BullpenError(
    'SERVICE_UNAVAILABLE',
    'Postgres does not run as root, and this machine has no account to run it as: create one (useradd --system bullpen), or set DATABASE_URL',
  );
}

/** The cluster of an earlier start, when other accounts were there. */
function ownerOf(clusterDir: string): Account | null {
  const owner = statSync(clusterDir, { throwIfNoEntry: false });
  if (!owner || owner.uid === 0) return null;
  const asked = spawnSync('id', ['-un', String(owner.uid)], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] });
  return { name: asked.status === 0 ? asked.stdout.trim() : `number ${owner.uid}`, uid: owner.uid, gid: owner.gid };
}

function lookUp(name: string): Account | null {
  const [uid, gid] = ['-u', '-g'].map((flag) => {
    const asked = spawnSync('id', [flag, name], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] });
    return asked.status === 0 ? Number(asked.stdout.trim()) : Number.NaN;
  });
  return uid && gid && uid > 0 ? { name, uid, gid } : null;
}

function makeSystemAccount(name: string): Account | null {
  const commands: [string, string[]][] = [
    ['useradd', ['--system', '--user-group', '--no-create-home', '--home-dir', '/nonexistent', '--shell', '/usr/sbin/nologin', name]],
    ['adduser', ['-S', '-D', '-H', '-s', '/sbin/nologin', name]], // BusyBox
  ];
  for (const [command, args] of commands) {
    if (spawnSync(command, args, { stdio: 'ignore' }).status === 0) return lookUp(name);
  }
  return null;
}
