import { noFaults, systemClock, type Clock, type Faults, type Logger } from '@bullpen/core';

import type { LeaseAddress } from './leases/lease-connection.ts';
import { startLeaseThread } from './leases/start-lease-thread.ts';
import { connectionConfig } from './postgres/connections.ts';
import { createPostgresTransport } from './postgres/transport.ts';
import { backendOf } from './queue-url.ts';
import { parseRedisUrl } from './redis/address.ts';
import { DEFAULT_PREFIX } from './redis/keys.ts';
import { createRedisTransport } from './redis/transport.ts';
import { RunQueueService } from './run-queue-service.ts';
import type { RunQueue } from './run-queue.ts';
import type { Transport } from './transport.ts';

/** Who takes runs. Without one, a queue only enqueues and asks. */
export interface ConsumerOptions {
  /** Shown in the server's list of connections; on Postgres also in BullMQ's `processedBy`. */
  name: string;
  /** How long a run stays with a worker that says nothing; 30,000 by default. */
  leaseMs?: number;
  /** How often leases are renewed; a third of `leaseMs` by default. */
  renewMs?: number;
  /** How often what crashes left behind is looked for; 5,000 by default. A lost run is found within the lease and two looks. */
  sweepMs?: number;
}

export interface RunQueueOptions {
  /** redis:// (rediss://), redis+cluster://, redis+sentinel:// or postgres://. A Postgres needs `migrateQueue` first. */
  url: string;
  /** Of every Redis key; `bullpen` by default. On Postgres the database is the namespace. */
  prefix?: string;
  log: Logger;
  clock?: Clock;
  faults?: Faults;
  consumer?: ConsumerOptions;
}

const DEFAULT_LEASE_MS = 30_000;
const DEFAULT_SWEEP_MS = 5000;

/** @throws BullpenError CONFIG_INVALID for a URL of another kind */
export function createRunQueue(options: RunQueueOptions): RunQueue {
  const { log, prefix = DEFAULT_PREFIX, clock = systemClock, faults = noFaults, consumer } = options;
  const leaseMs = consumer?.leaseMs ?? DEFAULT_LEASE_MS;
  const name = consumer?.name ?? 'producer';
  const renewMs = consumer?.renewMs ?? leaseMs / 3;
  return new RunQueueService({
    transport: transportOf(options.url, prefix, log, clock),
    startLeaseThread: (memory, hear) => startLeaseThread({ at: leaseAddress(options.url, prefix, name), leaseMs, renewMs, memory }, log, hear),
    log,
    clock,
    faults,
    name,
    leaseMs,
    renewMs,
    sweepMs: consumer?.sweepMs ?? DEFAULT_SWEEP_MS,
    consumes: consumer !== undefined,
  });
}

function transportOf(url: string, prefix: string, log: Logger, clock: Clock): Transport {
  return backendOf(url) === 'redis' ? createRedisTransport({ url, prefix, log, clock }) : createPostgresTransport({ url, prefix, log, clock });
}

function leaseAddress(url: string, prefix: string, name: string): LeaseAddress {
  if (backendOf(url) === 'postgres') return { kind: 'postgres', config: connectionConfig(url, `bullpen-leases:${name}`) };
  return { kind: 'redis', address: parseRedisUrl(url), prefix, connectionName: `${prefix}:leases:${name}` };
}
