import { writeFileSync } from 'node:fs';

import { Deadline } from '@bullpen/core';
import { pollUntil } from '@bullpen/infra';
import { Redis } from 'ioredis';

import { RedisServers } from './redis-servers.ts';

const MASTER = 'bullpen-master';
const DOWN_AFTER_MS = 700;
const READY_WITHIN_MS = 30_000;

export interface WatchedRedis {
  /** redis+sentinel:// with all Sentinels. */
  readonly url: string;
  /** SIGKILLs the master that the Sentinels name, and resolves when they name another one. */
  killMaster(): Promise<void>;
  stop(): Promise<void>;
}

/** A master, a replica, and three Sentinels that watch them. */
export async function startWatchedRedis(binary?: string): Promise<WatchedRedis> {
  const servers = new RedisServers(binary);
  try {
    return await startOn(servers);
  } catch (error) {
    await servers.stopAll();
    throw error;
  }
}

async function startOn(servers: RedisServers): Promise<WatchedRedis> {
  const master = await servers.start([]);
  // Two words: as one, Redis 6.2 takes them for a name.
  const replica = await servers.start(['--replicaof', '127.0.0.1', String(master.port)]);
  await until('the replica to be in step', async () => withClient(replica.port, async (client) => /master_link_status:up/.test(await client.info('replication'))));
  const sentinels = await Promise.all([1, 2, 3].map((n) => {
    const file = servers.file(`sentinel-${n}.conf`);
    writeFileSync(file, [
      `sentinel monitor ${MASTER} 127.0.0.1 ${master.port} 2`, `sentinel down-after-milliseconds ${MASTER} ${DOWN_AFTER_MS}`, `sentinel failover-timeout ${MASTER} 10000`, '',
    ].join('\n'));
    return servers.start([file, '--sentinel']);
  }));
  const ask = (port: number, ...args: string[]): Promise<unknown> => withClient(port, (client) => client.call('SENTINEL', ...args));
  const masterPort = async (): Promise<number> => Number(((await ask(sentinels[0]!.port, 'get-master-addr-by-name', MASTER)) as string[])[1]);
  // Those that do not know each other and the replica yet cannot agree on anything.
  await until('the Sentinels to know of each other', async () => {
    const known = await Promise.all(sentinels.map(({ port }) => ask(port, 'master', MASTER)));
    return known.every((facts) => fact(facts, 'num-other-sentinels') === '2' && fact(facts, 'num-slaves') === '1');
  });
  return {
    url: `redis+sentinel://${sentinels.map(({ port }) => `127.0.0.1:${port}`).join(',')}/${MASTER}`,
    async killMaster() {
      const before = await masterPort();
      process.kill([master, replica].find(({ port }) => port === before)!.pid, 'SIGKILL');
      await until('a replica to be promoted', async () => (await masterPort()) !== before);
    },
    stop: () => servers.stopAll(),
  };
}

function fact(facts: unknown, name: string): unknown {
  if (!Array.isArray(facts)) return (facts as Record<string, unknown>)[name];
  return (facts as unknown[])[(facts as unknown[]).indexOf(name) + 1];
}

async function withClient<T>(port: number, act: (client: Redis) => Promise<T>): Promise<T> {
  const client = new Redis({ host: '127.0.0.1', port });
  client.on('error', () => undefined);
  try {
    return await act(client);
  } finally {
    client.disconnect();
  }
}

async function until(what: string, isSo: () => Promise<boolean>): Promise<void> {
  const came = await pollUntil(async () => ((await isSo()) ? true : null), Deadline.in(READY_WITHIN_MS));
  if (!came) throw new Error(`waited in vain for ${what}`);
}
