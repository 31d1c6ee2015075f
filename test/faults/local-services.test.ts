import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { createInterface } from 'node:readline';

import { Deadline } from '@bullpen/core';
import { CHECKOUT_DIR, createEmbeddedPostgres, identifyProcess, pollUntil, takeLaunchLock, type EmbeddedPostgres } from '@bullpen/infra';
import { describe, expect, it } from '@jest/globals';
import { Redis } from 'ioredis';
import postgres from 'postgres';

import { requireProgram } from '../services/programs.ts';
import { temporaryDir } from '../system/temp-dir.ts';

interface Launcher {
  readonly process: ChildProcess;
  readonly postgresUrl: string;
  readonly redisUrl: string;
}

/** Both servers below a process of their own, which can be killed. */
async function launch(dataDir: string): Promise<Launcher> {
  const entry = path.join(CHECKOUT_DIR, 'test', 'system', 'local-services-process.ts');
  const child = spawn(process.execPath, [entry, dataDir, requireProgram('redis')], { stdio: ['ignore', 'pipe', 'inherit'] });
  const [line] = (await once(createInterface({ input: child.stdout }), 'line')) as [string];
  return { process: child, ...(JSON.parse(line) as { postgresUrl: string; redisUrl: string }) };
}

async function kill(launcher: Launcher): Promise<void> {
  const ended = once(launcher.process, 'exit');
  launcher.process.kill('SIGKILL');
  await ended;
}

const postmasterPid = (dataDir: string): number => Number.parseInt(readFileSync(path.join(dataDir, 'postgres', 'postmaster.pid'), 'utf8'), 10);
const ends = (pid: number): Promise<true | null> => pollUntil(async () => (identifyProcess(pid) === null ? true : null), Deadline.in(20_000));

/** Linux only, as the tests' other look into /proc. */
function descendants(pid: number): number[] {
  const children = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').split(' ').filter(Boolean).map(Number);
  return children.flatMap((child) => [child, ...descendants(child)]);
}

/** The guard of Postgres: that of Redis ends its server, which nobody here starts again. */
function isPostgresGuard(pid: number): boolean {
  const command = readFileSync(`/proc/${pid}/cmdline`, 'utf8');
  return command.includes('bullpen-guard') && command.includes('postgres');
}

/** A second start of the same folder, in this process. */
async function withPostgres(dataDir: string, act: (started: EmbeddedPostgres) => Promise<void>): Promise<void> {
  const again = createEmbeddedPostgres({ dataDir, logFile: path.join(dataDir, 'again.log'), databases: ['kept'], durable: true });
  try {
    await again.start();
    await act(again);
  } finally {
    await again.stop(Deadline.in(10_000));
  }
}

describe('the local services', () => {
  it('end with a launcher that is killed, and keep what was committed and queued', async () => {
    using dir = temporaryDir();
    const first = await launch(dir.path);
    const sql = postgres(first.postgresUrl, { max: 1, onnotice: () => undefined });
    await sql`create table said (word text)`;
    await sql`insert into said values ('hello')`;
    const redis = new Redis(first.redisUrl);
    await redis.set('queued', 'job');
    redis.disconnect();
    await sql.end();
    const pids = [postmasterPid(dir.path), Number(readFileSync(path.join(dir.path, 'redis', 'redis.pid'), 'utf8'))];
    await kill(first);
    for (const pid of pids) expect(await ends(pid)).toBe(true);

    const second = await launch(dir.path);
    const again = postgres(second.postgresUrl, { max: 1 });
    expect(await again`select word from said`).toEqual([{ word: 'hello' }]);
    await again.end();
    const redisAgain = new Redis(second.redisUrl);
    expect(await redisAgain.get('queued')).toBe('job');
    redisAgain.disconnect();
    await kill(second);
  });

  it('stop a postmaster that was left behind before they start theirs', async () => {
    using dir = temporaryDir();
    const first = await launch(dir.path);
    const orphan = postmasterPid(dir.path);
    const redis = Number(readFileSync(path.join(dir.path, 'redis', 'redis.pid'), 'utf8'));
    // Without its guard nobody tells the postmaster that the launcher is gone.
    for (const pid of descendants(first.process.pid ?? 0).filter(isPostgresGuard)) process.kill(pid, 'SIGKILL');
    await kill(first);
    expect(identifyProcess(orphan)).not.toBeNull();
    expect(await ends(redis)).toBe(true);
    await withPostgres(dir.path, async () => {
      expect(identifyProcess(orphan)).toBeNull();
      expect(postmasterPid(dir.path)).not.toBe(orphan);
    });
  });

  it('do not mind a pid file whose number belongs to another program, or a cluster that was only half made', async () => {
    using dir = temporaryDir();
    const halfMade = path.join(dir.path, 'postgres.new-1');
    mkdirSync(halfMade);
    await withPostgres(dir.path, async () => undefined);
    expect(existsSync(halfMade)).toBe(false);
    writeFileSync(path.join(dir.path, 'postgres', 'postmaster.pid'), `${process.pid}\n`);
    await withPostgres(dir.path, async (again) => {
      const sql = postgres(again.url('kept'), { max: 1 });
      expect(await sql`select 1 as one`).toEqual([{ one: 1 }]);
      await sql.end();
    });
  });

  it('listen on loopback only and ask for the password', async () => {
    using dir = temporaryDir();
    await withPostgres(dir.path, async (started) => {
      const sql = postgres(started.url('kept'), { max: 1 });
      const [row] = await sql<{ addresses: string; sockets: string }[]>`select current_setting('listen_addresses') as addresses, current_setting('unix_socket_directories') as sockets`;
      expect(row).toEqual({ addresses: '127.0.0.1', sockets: '' });
      await sql.end();
      const url = new URL(started.url('kept'));
      url.password = 'wrong';
      const stranger = postgres(url.href, { max: 1 });
      await expect(stranger`select 1`).rejects.toMatchObject({ code: '28P01' });
      await stranger.end();
    });
  });
});

describe('the lock of a data folder', () => {
  it('is held by one launcher at a time and given back', () => {
    using dir = temporaryDir();
    const giveBack = takeLaunchLock(dir.path);
    expect(() => takeLaunchLock(dir.path)).toThrow(/already running/);
    giveBack();
    takeLaunchLock(dir.path)();
  });

  it.each([
    ['a launcher that was killed', '{"pid":999999999,"startedAt":"x"}'],
    ['another program that got the number of one', `{"pid":${process.pid},"startedAt":"of another boot"}`],
    ['nobody', ''],
  ])('is taken over from %s', (_, left) => {
    using dir = temporaryDir();
    writeFileSync(path.join(dir.path, 'launcher.json'), left);
    takeLaunchLock(dir.path)();
  });
});
