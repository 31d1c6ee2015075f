import path from 'node:path';

import { BullpenError, Deadline, messageOf, silentLogger } from '@bullpen/core';
import { createDatabase, migrate } from '@bullpen/db';
import { migrateQueue } from '@bullpen/queue';

import type { UpConfig } from './config.ts';
import type { Launch } from './launch.ts';
import { withoutSecrets } from './output.ts';
import { createEmbeddedPostgres } from './postgres.ts';
import { createLocalRedis, findRedisServer } from './redis.ts';

/** A store that was chosen, and the choice in words. */
export interface ChosenStore {
  readonly url: string;
  readonly said: string;
}

export interface ChosenQueue extends ChosenStore {
  readonly backend: 'redis' | 'postgres';
}

const DATABASE = 'bullpen';

/** DATABASE_URL where given, else the Postgres of npm. */
export async function openPostgres(config: UpConfig, launch: Launch, onDeath: (what: string) => void): Promise<ChosenStore> {
  if (config.databaseUrl !== undefined) return { url: config.databaseUrl, said: `${withoutSecrets(config.databaseUrl)} (DATABASE_URL)` };
  const postgres = await launch.begin(createEmbeddedPostgres({
    dataDir: config.dataDir,
    logFile: path.join(config.logDir, 'postgres.log'),
    databases: [DATABASE],
    durable: true,
    onDeath,
  }));
  const { port, account, binariesCopied, dataDir } = postgres.facts;
  const as = account === null ? '' : ` as account ${account}`;
  const copied = binariesCopied ? ', programs copied to /var/lib/bullpen' : '';
  return { url: postgres.url(DATABASE), said: `embedded, 127.0.0.1:${port}${as}, data in ${dataDir}${copied}` };
}

/** REDIS_URL where given, else a server of this machine, else BullMQ on Postgres; BULLPEN_QUEUE decides where it is set. */
export async function openQueue(
  config: UpConfig,
  databaseUrl: string,
  launch: Launch,
  onDeath: (what: string) => void,
): Promise<ChosenQueue> {
  const onPostgres = (why: string): ChosenQueue => ({ backend: 'postgres', url: databaseUrl, said: `BullMQ on Postgres (${why})` });
  if (config.queue === 'postgres') return onPostgres('BULLPEN_QUEUE');
  if (config.redisUrl !== undefined) return { backend: 'redis', url: config.redisUrl, said: `${withoutSecrets(config.redisUrl)} (REDIS_URL)` };
  const binary = findRedisServer(config.searchPath);
  if (binary === null) {
    if (config.queue === undefined) return onPostgres('no REDIS_URL, and no redis-server or valkey-server on this machine');
    throw new BullpenError('CONFIG_INVALID', 'BULLPEN_QUEUE is redis, but there is no REDIS_URL and no redis-server or valkey-server on this machine');
  }
  const logFile = path.join(config.logDir, 'redis.log');
  const redis = await launch.begin(createLocalRedis({ binary, dataDir: config.dataDir, logFile, durable: true, onDeath }));
  return { backend: 'redis', url: redis.url, said: `${binary}, ${new URL(redis.url).host}` };
}

/**
 * Brings both stores to this version.
 * @returns names of the migrations that were applied
 * @throws BullpenError SERVICE_UNAVAILABLE when a store cannot be reached
 */
export async function migrateStores(databaseUrl: string, queueUrl: string): Promise<string[]> {
  const applied = await naming(databaseUrl, migrateDatabase);
  await naming(queueUrl, migrateQueue);
  return applied;
}

async function migrateDatabase(url: string): Promise<string[]> {
  const db = createDatabase({ url, maxConnections: 1, applicationName: 'bullpen-migrate', log: silentLogger });
  try {
    await db.start();
    return (await migrate(db)).applied;
  } finally {
    await db.stop(Deadline.in(5000));
  }
}

/** A failure says of which store it is. */
async function naming<T>(url: string, act: (url: string) => Promise<T>): Promise<T> {
  try {
    return await act(url);
  } catch (cause) {
    throw new BullpenError('SERVICE_UNAVAILABLE', `cannot bring ${withoutSecrets(url)} to this version: ${messageOf(cause)}`, {}, { cause });
  }
}
