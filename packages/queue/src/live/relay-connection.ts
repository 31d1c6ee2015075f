import type { Deadline, Logger } from '@bullpen/core';
import { Relay, createPostgresRelayBackend, type RelayBackendFactory } from 'bullmq';
import type { Redis } from 'ioredis';

import { connectionConfig, createPool } from '../postgres/connections.ts';
import { backendOf } from '../queue-url.ts';
import { connect, createMainClient, quit } from '../redis/connections.ts';
import { within } from '../unavailable.ts';

/** Largest message. Live events are hints; what is larger is read from Postgres. */
export const MAX_MESSAGE_BYTES = 256 * 1024;
/** A node that says nothing for so long loses its subscriptions, and makes them again when it is back. */
const NODE_LEASE_MS = 15_000;
/** Unread messages a slow process may have; the oldest are dropped beyond it. */
const MAX_UNREAD = 10_000;
/** One of them listens. */
const POSTGRES_CONNECTIONS = 3;

export interface RelayConnection {
  relay: Relay;
  /** What is still under way by the deadline is cut off. */
  close(by: Deadline): Promise<void>;
}

export interface RelayConnectionOptions {
  url: string;
  prefix: string;
  name: string;
  log: Logger;
}

/** Opens BullMQ's Relay on Redis (two connections) or on Postgres (three at most). */
export function openRelay(options: RelayConnectionOptions): Promise<RelayConnection> {
  return backendOf(options.url) === 'redis' ? openRedisRelay(options) : openPostgresRelay(options);
}

async function openRedisRelay({ url, prefix, name, log }: RelayConnectionOptions): Promise<RelayConnection> {
  const client = createMainClient({ url, connectionName: `${prefix}:live:${name}`, log });
  await connect(client);
  const { relay, close } = openRelayOver(client, { prefix, name });
  return {
    relay,
    async close(by) {
      await close(by);
      await quit(client, by.remainingMs);
    },
  };
}

/** Over a connection that is somebody else's to close; one more is made to listen. */
export function openRelayOver(client: Redis, { prefix, name }: { prefix: string; name: string }): RelayConnection {
  const relay = new Relay({ ...relayOptions(prefix, name), connection: client, prefix });
  return {
    relay,
    close: (by) => within(by.remainingMs, 'close', () => relay.close()).catch(() => undefined),
  };
}

export async function openPostgresRelay({ url, prefix, name, log }: RelayConnectionOptions): Promise<RelayConnection> {
  const pool = createPool(connectionConfig(url, `bullpen-live:${name}`), POSTGRES_CONNECTIONS, log);
  const backend: RelayBackendFactory = (options) => createPostgresRelayBackend({ ...options, connection: pool as never });
  const relay = new Relay({ ...relayOptions(prefix, name), connection: pool as never, backend });
  return {
    relay,
    async close(by) {
      await within(by.remainingMs, 'close', () => relay.close()).catch(() => undefined);
      await within(by.remainingMs, 'close', () => pool.end()).catch(() => undefined);
    },
  };
}

function relayOptions(prefix: string, name: string) {
  return {
    namespace: prefix.replaceAll(/[^A-Za-z0-9_-]/g, '_').slice(0, 64),
    name: name.slice(0, 256),
    leaseDuration: NODE_LEASE_MS,
    inboxMaxLength: MAX_UNREAD,
    maxMessageSize: MAX_MESSAGE_BYTES,
  };
}
