import type { Clock, Logger } from '@bullpen/core';
import { createPostgresBackend, type WorkerOptions as AnyWorkerOptions } from 'bullmq';
import type { Pool } from 'pg';

import { ClaimingDispatch } from '../claiming-dispatch.ts';
import { openRelayTransport } from '../live/relay-transport.ts';
import { queueNameOf } from '../redis/keys.ts';
import { UNLIMITED_STALLS, type OpenTransport, type Transport, type TransportSettings } from '../transport.ts';
import { isUnavailable, unavailable, within } from '../unavailable.ts';
import { MAX_QUEUE_CONNECTIONS, connectionConfig, createPool } from './connections.ts';
import { PostgresInnerOrderStore } from './inner-order-store.ts';
import { PostgresReadySet } from './ready-set.ts';
import { ReadySignal } from './ready-signal.ts';
import { readStanding } from './standing.ts';
import { loadStatements } from './statements.ts';

type BackendOptions = Parameters<typeof createPostgresBackend>[1];
type WorkerOptions = Omit<AnyWorkerOptions, keyof BackendOptions>;

const PING_WITHIN_MS = 2000;

interface PostgresTransportOptions {
  url: string;
  /** Of the live bus. */
  prefix: string;
  log: Logger;
  clock: Clock;
}

/** Queues in Postgres: BullMQ's schema and, beside it, the ready set's; a bounded pool and one connection that listens. */
export function createPostgresTransport(options: PostgresTransportOptions): Transport {
  return { backend: 'postgres', open: (settings) => open(options, settings) };
}

async function open({ url, prefix, log, clock }: PostgresTransportOptions, settings: TransportSettings): Promise<OpenTransport> {
  const config = connectionConfig(url, `bullpen-queue:${settings.name}`);
  const pool = createPool(config, MAX_QUEUE_CONNECTIONS, log);
  const root = createPostgresBackend('bullpen', bullOptions(pool, settings));
  root.on('error', () => undefined); // The pool's own listener has logged it.
  try {
    await root.waitUntilReady();
  } catch (thrown) {
    await pool.end();
    throw isUnavailable(thrown) ? unavailable('connect', thrown) : thrown;
  }
  const signal = new ReadySignal(config, log);
  const statements = loadStatements(pool);
  const readySet = new PostgresReadySet({ pool, signal, clock });
  return {
    root,
    readySet,
    innerOrder: new PostgresInnerOrderStore(pool),
    createDispatch: ({ jobs, faults }) => new ClaimingDispatch({ readySet, jobs, clock, log, faults, newLeaseToken: () => crypto.randomUUID() }),
    async eraseQueue(orgId) {
      await statements('erase-queue', [queueNameOf(orgId)]);
    },
    prefixOf: () => prefix,
    standing: (orgId) => readStanding(statements, orgId),
    // On connections of its own: of the queue's few it would keep one for good.
    openLive: (name) => openRelayTransport({ url, prefix, name, log }),
    async ping() {
      await within(PING_WITHIN_MS, 'ping', () => pool.query('SELECT 1'));
    },
    async close(by) {
      await within(by.remainingMs, 'close', () => signal.close()).catch(() => undefined);
      await root.close();
      await within(by.remainingMs, 'close', () => pool.end()).catch(() => undefined);
    },
  };
}

/** The backend reads a worker's options as well, though its type names a queue's only. */
function bullOptions(connection: Pool, settings: TransportSettings): BackendOptions & Partial<WorkerOptions> {
  return {
    // A pg.Pool by its own check (isPgPool); only the overloads of its types differ.
    connection: connection as unknown as BackendOptions['connection'],
    name: settings.name,
    lockDuration: settings.leaseMs,
    stalledInterval: settings.stalledCheckMs,
    maxStalledCount: UNLIMITED_STALLS,
  };
}
