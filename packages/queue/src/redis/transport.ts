import type { Clock, Logger } from '@bullpen/core';
import { createRedisBackend, type WorkerOptions } from 'bullmq';

import type { Dispatch } from '../dispatch.ts';
import type { InnerOrderStore } from '../inner-order.ts';
import type { JobStore } from '../job-store.ts';
import { openRedisLiveTransport } from '../live/redis-live-transport.ts';
import type { ReadySet } from '../ready-set.ts';
import type { Standing } from '../standing.ts';
import { UNLIMITED_STALLS, type OpenTransport, type Transport, type TransportSettings } from '../transport.ts';
import { within } from '../unavailable.ts';
import { parseRedisUrl } from './address.ts';
import { connect, createBlockingClient, createMainClient, quit } from './connections.ts';
import { RedisDispatch } from './dispatch.ts';
import { RedisInnerOrderStore } from './inner-order-store.ts';
import { CLUSTER_SHARDS, clusterWakeKey, orderKey, queueNameOf, queuePrefix, readySetKey, shardPrefix } from './keys.ts';
import { mastersOf, type RedisClient } from './new-client.ts';
import { RedisReadySet } from './ready-set.ts';
import { defineScripts } from './scripts.ts';
import { ShardedDispatch } from './sharded-dispatch.ts';
import { ShardedReadySet } from './sharded-ready-set.ts';
import { readStanding } from './standing.ts';
import { Wake } from './wake.ts';

const PING_WITHIN_MS = 2000;
const SCANNED_AT_ONCE = 1000;

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
  const parts = (isCluster ? openShards : openWhole)({ client, blocking, prefix, settings, clock, log });
  return {
    root,
    ...parts,
    prefixOf: (orgId) => queuePrefix(prefix, orgId, isCluster),
    eraseQueue: (orgId) => eraseQueue(client, queuePrefix(prefix, orgId, isCluster), orgId),
    openLive: (name) => openRedisLiveTransport({ client, url, prefix, name, log }),
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

/** Organizations' ids hold nothing that a pattern of SCAN would read otherwise. All keys of one queue are in one slot, on one node. */
async function eraseQueue(client: RedisClient, prefix: string, orgId: string): Promise<void> {
  const pattern = `${prefix}:${queueNameOf(orgId)}:*`;
  for (const node of mastersOf(client)) {
    let cursor = '0';
    do {
      const [next, keys] = await node.scan(cursor, 'MATCH', pattern, 'COUNT', SCANNED_AT_ONCE);
      cursor = next;
      if (keys.length > 0) await client.unlink(...keys);
    } while (cursor !== '0');
  }
  await client.unlink(orderKey(prefix, orgId));
}

interface PartsDeps {
  client: RedisClient;
  blocking: RedisClient;
  prefix: string;
  settings: TransportSettings;
  clock: Clock;
  log: Logger;
}

interface Parts {
  readySet: ReadySet;
  innerOrder: InnerOrderStore;
  createDispatch(deps: { jobs: JobStore }): Dispatch;
  standing(orgId: string): Promise<Standing>;
}

/** All in one: a single Redis, or a master and its replicas. */
function openWhole({ client, blocking, prefix, settings, clock, log }: PartsDeps): Parts {
  const run = defineScripts(client)(prefix);
  const wake = new Wake({ client, blocking, key: readySetKey(prefix, 'wake') });
  return {
    readySet: new RedisReadySet({ client, run, prefix, clock }),
    innerOrder: new RedisInnerOrderStore(client, () => prefix),
    createDispatch: ({ jobs }) => new RedisDispatch({ wake, run, jobs, workerName: settings.name, leaseMs: settings.leaseMs, clock, log }),
    standing: (orgId) => readStanding(client, prefix, orgId),
  };
}

/** In shards, each of them such a whole in one slot of the cluster. */
function openShards({ client, blocking, prefix, settings, clock, log }: PartsDeps): Parts {
  const scriptsOf = defineScripts(client);
  const wake = new Wake({ client, blocking, key: clusterWakeKey(prefix) });
  const prefixes = Array.from({ length: CLUSTER_SHARDS }, (_, shard) => shardPrefix(prefix, shard));
  const runs = prefixes.map(scriptsOf);
  const readySets = prefixes.map((ofShard, i) => new RedisReadySet({ client, run: runs[i]!, prefix: ofShard, clock }));
  const readySet = new ShardedReadySet(readySets, wake);
  return {
    readySet,
    innerOrder: new RedisInnerOrderStore(client, (orgId) => queuePrefix(prefix, orgId, true)),
    createDispatch({ jobs }) {
      const shards = runs.map((run) => new RedisDispatch({ wake, run, jobs, workerName: settings.name, leaseMs: settings.leaseMs, clock, log }));
      return new ShardedDispatch({ shards, readySet, wake, clock, log });
    },
    standing(orgId) {
      const own = queuePrefix(prefix, orgId, true);
      return readStanding(client, own, orgId, prefixes.filter((other) => other !== own));
    },
  };
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
