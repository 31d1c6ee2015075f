import type { Deadline, Logger } from '@bullpen/core';
import { createPostgresBackend, createRedisBackend, type BackendFactory, type QueueOptions } from 'bullmq';

import { connectionConfig, createPool } from '../postgres/connections.ts';
import { backendOf } from '../queue-url.ts';
import { parseRedisUrl } from '../redis/address.ts';
import { connect, quit } from '../redis/connections.ts';
import { newClient } from '../redis/new-client.ts';
import { laneQueuePrefix } from '../redis/keys.ts';
import { within } from '../unavailable.ts';

/** What stock BullMQ queues and workers of a process share. */
export interface LaneConnection {
  /** For `new Queue` and `new Worker`, with the factory beside it. */
  readonly options: Pick<QueueOptions, 'connection' | 'prefix'>;
  readonly factory: BackendFactory;
  close(by: Deadline): Promise<void>;
}

export interface LaneConnectionOptions {
  url: string;
  prefix: string;
  /** Shown in the server's list of connections. */
  name: string;
  log: Logger;
}

/** One that listens for each worker, and some to share. */
const POSTGRES_CONNECTIONS = 4;

/** @throws BullpenError SERVICE_UNAVAILABLE, CONFIG_INVALID */
export function openLaneConnection(options: LaneConnectionOptions): Promise<LaneConnection> {
  return backendOf(options.url) === 'redis' ? openRedis(options) : Promise.resolve(openPostgres(options));
}

/** Each worker makes a blocking connection of its own besides, which BullMQ wants to wait for ever. */
async function openRedis({ url, prefix, name, log }: LaneConnectionOptions): Promise<LaneConnection> {
  const client = newClient(parseRedisUrl(url), `${prefix}:webhooks:${name}`, { maxRetriesPerRequest: null });
  client.on('error', (error) => log.warn({ error: error.message }, 'queue.connection_error'));
  await connect(client);
  return {
    options: { connection: client, prefix: laneQueuePrefix(prefix) },
    factory: createRedisBackend as BackendFactory,
    close: (by) => quit(client, by.remainingMs),
  };
}

function openPostgres({ url, prefix, name, log }: LaneConnectionOptions): LaneConnection {
  const pool = createPool(connectionConfig(url, `bullpen-webhooks:${name}`), POSTGRES_CONNECTIONS, log);
  return {
    // A pg.Pool by BullMQ's own check; only the overloads of its types differ.
    options: { connection: pool as never, prefix },
    factory: createPostgresBackend as unknown as BackendFactory,
    close: (by) => within(by.remainingMs, 'close', () => pool.end()).catch(() => undefined),
  };
}
