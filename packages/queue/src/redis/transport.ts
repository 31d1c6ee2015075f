import type { Clock, Logger } from '@bullpen/core';
import { createRedisBackend, type WorkerOptions } from 'bullmq';
import type { Redis } from 'ioredis';

import { UNLIMITED_STALLS, type OpenTransport, type Transport, type TransportSettings } from '../transport.ts';
import { within } from '../unavailable.ts';
import { connect, createBlockingClient, createMainClient, quit } from './connections.ts';
import { RedisDispatch } from './dispatch.ts';
import { RedisInnerOrderStore } from './inner-order-store.ts';
import { orderKey, queueNameOf } from './keys.ts';
import { RedisReadySet } from './ready-set.ts';
import { defineScripts } from './scripts.ts';
import { readStanding } from './standing.ts';

const PING_WITHIN_MS = 2000;
const SCANNED_AT_ONCE = 1000;

interface RedisTransportOptions {
  url: string;
  prefix: string;
  log: Logger;
  clock: Clock;
}

/** Queues in Redis, over two connections: one for everything, one that blocks while a worker waits. */
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
  const run = defineScripts(client, prefix);
  return {
    root,
    readySet: new RedisReadySet({ client, run, prefix, clock }),
    innerOrder: new RedisInnerOrderStore(client, prefix),
    createDispatch: ({ jobs }) => new RedisDispatch({ client, blocking, run, jobs, prefix, workerName: settings.name, leaseMs: settings.leaseMs, clock, log }),
    eraseQueue: (orgId) => eraseQueue(client, prefix, orgId),
    standing: (orgId) => readStanding(client, prefix, orgId),
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

/** Organizations' ids hold nothing that a pattern of SCAN would read otherwise. */
async function eraseQueue(client: Redis, prefix: string, orgId: string): Promise<void> {
  const pattern = `${prefix}:${queueNameOf(orgId)}:*`;
  let cursor = '0';
  do {
    const [next, keys] = await client.scan(cursor, 'MATCH', pattern, 'COUNT', SCANNED_AT_ONCE);
    cursor = next;
    if (keys.length > 0) await client.unlink(...keys);
  } while (cursor !== '0');
  await client.unlink(orderKey(prefix, orgId));
}

function bullOptions(connection: Redis, prefix: string, settings: TransportSettings): WorkerOptions & { prefix: string } {
  return {
    connection,
    prefix,
    name: settings.name,
    lockDuration: settings.leaseMs,
    stalledInterval: settings.stalledCheckMs,
    maxStalledCount: UNLIMITED_STALLS,
  };
}
