import type { Clock, Logger } from '@bullpen/core';
import { createRedisBackend, type IQueueBackend, type WorkerOptions } from 'bullmq';

import { openRelayOver } from '../live/relay-connection.ts';
import type { ReadySet } from '../ready-set.ts';
import { UNLIMITED_STALLS, type JobEntry, type OpenTransport, type Transport, type TransportSettings } from '../transport.ts';
import { within } from '../unavailable.ts';
import { parseRedisUrl } from './address.ts';
import { connect, createBlockingClient, createMainClient, quit } from './connections.ts';
import { RedisInnerOrderStore } from './inner-order-store.ts';
import { CLUSTER_SHARDS, clusterWakeKey, readySetKey } from './keys.ts';
import type { RedisClient } from './new-client.ts';
import { RedisReadySet } from './ready-set.ts';
import { ShardedReadySet } from './sharded-ready-set.ts';
import { readStanding } from './standing.ts';
import { Wake } from './wake.ts';

const PING_WITHIN_MS = 2000;

interface RedisTransportOptions {
  url: string;
  prefix: string;
  log: Logger;
  clock: Clock;
}

/** Queues in Redis, over two connections (on a cluster: to each node): one for everything, one that blocks while a worker waits. */
export function createRedisTransport(options: RedisTransportOptions): Transport {
  return { backend: 'redis', open: (settings) => open(options, settings) };
}

async function open({ url, prefix, log, clock }: RedisTransportOptions, settings: TransportSettings): Promise<OpenTransport> {
  const client = createMainClient({ url, connectionName: `${prefix}:queue:${settings.name}`, log });
  // Connects when a worker first waits, so a process that only enqueues has one connection.
  const blocking = createBlockingClient({ url, connectionName: `${prefix}:ready:${settings.name}`, log });
  await connect(client);
  const root = createRedisBackend('bullpen', bullOptions(client, prefix, settings));
  root.on('error', () => undefined); // The client's own listener has logged it.
  await root.waitUntilReady();
  const isCluster = parseRedisUrl(url).kind === 'cluster';
  return {
    root,
    readySet: isCluster ? shardedReadySet({ client, blocking, prefix, clock }) : wholeReadySet({ client, blocking, prefix, clock }),
    innerOrder: new RedisInnerOrderStore(client, prefix),
    // Not addJobs, which is a pipeline: cut in the middle, half of it is added. A flow is a MULTI.
    addAll: (queue, entries) => addFlow(queue, prefix, entries),
    standing: (orgId) => readStanding(client, prefix, isCluster ? CLUSTER_SHARDS : 1, orgId),
    openRelay: async (name) => openRelayOver(client, { prefix, name }),
    async ping() {
      await within(PING_WITHIN_MS, 'ping', () => client.ping());
    },
    async close(by) {
      await root.close();
      blocking.disconnect();
      await quit(client, by.remainingMs);
    },
  };
}

interface ReadySetDeps {
  client: RedisClient;
  blocking: RedisClient;
  prefix: string;
  clock: Clock;
}

function wholeReadySet({ blocking, ...deps }: ReadySetDeps): ReadySet {
  return new RedisReadySet({ ...deps, shard: 0, wake: new Wake({ client: deps.client, blocking, key: readySetKey(deps.prefix, 'wake', 0) }) });
}

function shardedReadySet({ blocking, ...deps }: ReadySetDeps): ReadySet {
  const wake = new Wake({ client: deps.client, blocking, key: clusterWakeKey(deps.prefix) });
  const shards = Array.from({ length: CLUSTER_SHARDS }, (_, shard) => new RedisReadySet({ ...deps, shard, wake }));
  return new ShardedReadySet({ client: deps.client, prefix: deps.prefix, shards, wake });
}

async function addFlow(queue: IQueueBackend, prefix: string, entries: readonly JobEntry[]): Promise<void> {
  const queueName = queue.qualifiedName.slice(prefix.length + 1);
  const results = await queue.addFlow(entries.map(({ job, jobId }) => ({ jobData: job, jobId, parentKeyOpts: {}, prefix, queueName })));
  const failed = results.find(([error]) => error !== null);
  if (failed) throw failed[0]!;
}

function bullOptions(connection: RedisClient, prefix: string, settings: TransportSettings): WorkerOptions & { prefix: string } {
  return {
    connection,
    prefix,
    name: settings.name,
    lockDuration: settings.leaseMs,
    stalledInterval: settings.stalledCheckMs,
    maxStalledCount: UNLIMITED_STALLS,
  };
}
