import { chmodSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';

import { Deadline, composeServices, silentLogger } from '@bullpen/core';
import { createDatabase, migrate } from '@bullpen/db';
import { createEmbeddedPostgres, createLocalRedis } from '@bullpen/infra';
import { migrateQueue } from '@bullpen/queue';

import { TEMPLATE_DATABASE, makeTemplateOn } from './databases.ts';
import { requireProgram } from './programs.ts';

/** Addresses of the servers, as they travel to the test files. */
export interface TestServices {
  /** Database `postgres`, as superuser. */
  readonly postgresAdminUrl: string;
  readonly redisUrl: string;
  /** A Valkey server that tests may start, or why there is none. */
  readonly valkey: { readonly path: string } | { readonly missing: string };
}

export interface RunningServers extends Omit<TestServices, 'valkey'> {
  stop(): Promise<void>;
}

/**
 * Starts a real Postgres and a real Redis on free loopback ports with their data in a temporary folder.
 * @param durable - true: synced as in production, for benchmarks; false: as fast as they go.
 * @param postgresAdminUrl - uses this server's superuser in place of a Postgres of its own.
 * @param onDeath - told when one of them ended although nobody stopped it
 */
export async function startServers({ postgresAdminUrl, ...options }: { durable: boolean; postgresAdminUrl?: string | undefined; onDeath?: (what: string) => void }): Promise<RunningServers> {
  sweepLeftFolders();
  const redisBinary = requireProgram('redis');
  const dataDir = mkdtempSync(path.join(tmpdir(), `${FOLDER_PREFIX}${process.pid}-`));
  chmodSync(dataDir, 0o755); // as root, Postgres is another account, which must get in
  const postgres = createEmbeddedPostgres({ dataDir, logFile: path.join(dataDir, 'postgres.log'), databases: [TEMPLATE_DATABASE], ...options });
  const redis = createLocalRedis({ binary: redisBinary, dataDir, logFile: path.join(dataDir, 'redis.log'), ...options });
  const servers = composeServices(postgresAdminUrl === undefined ? [postgres, redis] : [redis]);
  await servers.start();
  const stop = async (): Promise<void> => {
    await servers.stop(Deadline.in(10_000));
    rmSync(dataDir, { recursive: true, force: true });
  };
  try {
    await migrateTemplate(postgresAdminUrl === undefined ? postgres.url(TEMPLATE_DATABASE) : await makeTemplateOn(postgresAdminUrl));
  } catch (error) {
    await stop();
    throw error;
  }
  return { postgresAdminUrl: postgresAdminUrl ?? postgres.url('postgres'), redisUrl: redis.url, stop };
}

async function migrateTemplate(url: string): Promise<void> {
  const db = createDatabase({ url, maxConnections: 1, applicationName: 'test-template', log: silentLogger });
  await db.start();
  try {
    await migrate(db);
  } finally {
    await db.stop(Deadline.in(5000));
  }
  await migrateQueue(url);
}

const FOLDER_PREFIX = 'bullpen-test-';

/** Folders of test processes that were killed; the servers in them ended with their process. */
function sweepLeftFolders(): void {
  for (const name of readdirSync(tmpdir())) {
    const pid = new RegExp(`^${FOLDER_PREFIX}(\\d+)-`).exec(name)?.[1];
    if (pid && !isAlive(Number(pid))) rmSync(path.join(tmpdir(), name), { recursive: true, force: true });
  }
}

/** Alive, or somebody else's (EPERM): then its folder is none of our business either. */
function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code !== 'ESRCH';
  }
}
