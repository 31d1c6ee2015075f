/**
 * The thread that renews a worker's leases, on a timer and a connection of its own: nothing that the worker does in its
 * main thread delays it. It keeps trying while its server is away, and ends when it is told to. It loads little (no
 * BullMQ, no schemas), so that it is there a moment after the first run was taken, and costs little memory.
 */
import { isMainThread, parentPort, workerData } from 'node:worker_threads';

import type { LeaseConnection } from './lease-connection.ts';
import { LeaseRenewal, type LeaseNews } from './lease-renewal.ts';
import { LeaseTableReader } from './lease-table.ts';
import type { LeaseOrder, LeaseThreadSettings } from './start-lease-thread.ts';

if (isMainThread || !parentPort) throw new Error('this file runs as a thread');
const port = parentPort;
const { at, memory, leaseMs, renewMs } = workerData as LeaseThreadSettings;
const reader = new LeaseTableReader(memory);
let isStopping = false;
let timer: NodeJS.Timeout | undefined;
let round: Promise<void> = Promise.resolve();

// What the closing itself breaks off is no news.
const tell = (news: LeaseNews): void => { if (!isStopping) port.postMessage(news); };
const connecting = connect();

port.on('message', (order: LeaseOrder) => {
  if (order.kind === 'add') reader.add(order.memory);
  else void stop();
});
void renewFrom(await connecting);

async function connect(): Promise<LeaseConnection> {
  const onError = (error: unknown): void => tell({ kind: 'log', level: 'warn', facts: { error: String(error) }, event: 'queue.lease_connection_error' });
  if (at.kind === 'redis') return (await import('../redis/lease-connection.ts')).openRedisLeases(at, onError);
  return (await import('../postgres/lease-connection.ts')).openPostgresLeases(at, onError);
}

/** At once, then `renewMs` after the end of each round. */
async function renewFrom(connection: LeaseConnection): Promise<void> {
  const renewal = new LeaseRenewal({ reader, extender: connection, leaseMs, clock: { monotonicMs: () => performance.now() }, tell });
  const renew = async (): Promise<void> => {
    await renewal.renew();
    if (!isStopping) timer = setTimeout(() => { round = renew(); }, renewMs);
  };
  round = renew();
}

async function stop(): Promise<void> {
  isStopping = true;
  clearTimeout(timer);
  await (await connecting).close();
  await round;
  port.close();
}
