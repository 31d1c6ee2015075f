import { messageOf, type Logger } from '@bullpen/core';
import { Relay, createPostgresRelayBackend, type RelayBackendFactory } from 'bullmq';

import { connectionConfig, createPool } from '../postgres/connections.ts';
import { within } from '../unavailable.ts';
import { MAX_MESSAGE_BYTES, type LiveTransport } from './live-transport.ts';

/** A node that says nothing for so long loses its subscriptions, and makes them again when it is back. */
const NODE_LEASE_MS = 15_000;
/** Unread messages a slow process may have; the oldest are dropped beyond it. */
const MAX_UNREAD = 10_000;
/** One of them listens. */
const POSTGRES_CONNECTIONS = 3;

/** On Postgres: BullMQ's Relay, whose interface is experimental: nothing else in Bullpen touches it. */
export function openRelayTransport({ url, prefix, name, log }: { url: string; prefix: string; name: string; log: Logger }): LiveTransport {
  const pool = createPool(connectionConfig(url, `bullpen-live:${name}`), POSTGRES_CONNECTIONS, log);
  const backend: RelayBackendFactory = (options) => createPostgresRelayBackend({ ...options, connection: pool as never });
  const relay = new Relay({
    namespace: prefix.replaceAll(/[^A-Za-z0-9_-]/g, '_').slice(0, 64),
    name: name.slice(0, 256),
    leaseDuration: NODE_LEASE_MS,
    inboxMaxLength: MAX_UNREAD,
    maxMessageSize: MAX_MESSAGE_BYTES,
    connection: pool as never,
    backend,
  });
  relay.on('error', (error) => log.warn({ error: messageOf(error) }, 'live.relay_error'));
  relay.on('lag', (unread: number) => log.warn({ unread }, 'live.lag'));
  return {
    async ready() {
      await relay.waitUntilReady();
    },
    async publish(topic, data) {
      await relay.publish(topic, data);
    },
    async subscribe(pattern, deliver) {
      const subscription = await relay.subscribe(pattern, ({ data, topic }) => deliver(data, topic));
      return async () => {
        await subscription.unsubscribe();
      };
    },
    async close(by) {
      await within(by.remainingMs, 'close', () => relay.close()).catch(() => undefined);
      await within(by.remainingMs, 'close', () => pool.end()).catch(() => undefined);
    },
  };
}
