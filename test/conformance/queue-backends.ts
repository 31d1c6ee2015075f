/** What the queue's conformance suites run over: the same sentences on Redis, on a Redis Cluster of three masters, on both of Valkey where the machine has it, and on Postgres. */
import { Deadline, noFaults, silentLogger, type EnqueuedRun, type Faults, type Logger } from '@bullpen/core';
import { createLiveBus, createRunQueue, migrateQueue, type ConsumerOptions, type LiveBus, type RunQueue, type TakenRun } from '@bullpen/queue';
import { Redis } from 'ioredis';

import { createEmptyDatabase, testPrefix, testServices } from '../services/index.ts';
import { RedisServers, startRedisCluster } from '../services/redis-servers.ts';

export type QueueBackendName = 'redis' | 'redis-cluster' | 'valkey' | 'valkey-cluster' | 'postgres';

const valkey = testServices().valkey;
/** redis-servers.test.ts says which versions these are, and where Valkey is not among them. */
export const QUEUE_BACKENDS: readonly QueueBackendName[] = ['redis', 'redis-cluster', ...('path' in valkey ? ['valkey', 'valkey-cluster'] as const : []), 'postgres'];
/** Those that a stop of one server takes away. */
export const ONE_SERVER_BACKENDS = QUEUE_BACKENDS.filter((backend) => !backend.endsWith('-cluster'));
export const ONE_SERVER_REDIS = ONE_SERVER_BACKENDS.filter((backend) => backend !== 'postgres');

/** Short enough for a test to see a lease end, long enough for a slow machine to renew one. */
export const SHORT_LEASE_MS = 1000;

/** Queues and buses of one test file on one backend. */
export interface QueueBench {
  readonly url: string;
  readonly prefix: string;
  /** A started queue that takes. */
  consumer(options?: Partial<ConsumerOptions> & { faults?: Faults; log?: Logger; url?: string }): Promise<RunQueue>;
  /** A started queue that only enqueues. */
  producer(options?: { faults?: Faults; url?: string }): Promise<RunQueue>;
  bus(name: string): Promise<LiveBus>;
  /** One over the connections of a queue, as processes have it. */
  busOf(queue: RunQueue, name: string): Promise<LiveBus>;
  /** Stops what was started. */
  stopAll(): Promise<void>;
  drop(): Promise<void>;
}

/** @param redisDb - a Redis database of one's own, for tests that look at the whole of it */
export async function openQueueBench(backend: QueueBackendName, redisDb = 0): Promise<QueueBench> {
  const prefix = testPrefix();
  const { url, drop } = await openBackend(backend, prefix, redisDb);
  const started: { stop(by: Deadline): Promise<void> }[] = [];
  const start = async <S extends { start(): Promise<void>; stop(by: Deadline): Promise<void> }>(service: S): Promise<S> => {
    started.push(service);
    await service.start();
    return service;
  };
  return {
    url,
    prefix,
    consumer: ({ faults = noFaults, log = silentLogger, url: through = url, ...consumer } = {}) =>
      start(createRunQueue({ url: through, prefix, log, faults, consumer: { name: 'consumer', sweepMs: 100, ...consumer } })),
    producer: ({ faults = noFaults, url: through = url } = {}) => start(createRunQueue({ url: through, prefix, log: silentLogger, faults })),
    bus: (name) => start(createLiveBus({ url, prefix, name, log: silentLogger })),
    busOf: (queue, name) => start(queue.createLiveBus(name)),
    async stopAll() {
      // A bus before its queue.
      for (const service of started.splice(0).reverse()) await service.stop(Deadline.in(5000));
    },
    drop,
  };
}

async function openBackend(backend: QueueBackendName, prefix: string, redisDb: number): Promise<{ url: string; drop(): Promise<void> }> {
  if (backend === 'postgres') {
    const database = await createEmptyDatabase();
    await migrateQueue(database.url);
    return database;
  }
  // One of its own for each test file: a few hundred ms.
  if (backend === 'redis-cluster' || backend === 'valkey-cluster') {
    const { url, stop } = await startRedisCluster(backend === 'valkey-cluster' ? valkeyServer() : undefined);
    return { url, drop: stop };
  }
  if (backend === 'valkey') {
    const servers = new RedisServers(valkeyServer());
    const { port } = await servers.start([]);
    return { url: `redis://127.0.0.1:${port}/${redisDb}`, drop: () => servers.stopAll() };
  }
  const url = new URL(testServices().redisUrl);
  url.pathname = `/${redisDb}`;
  return { url: url.href, drop: () => deleteKeys(url.href, prefix) };
}

/** Path of the program. */
export function valkeyServer(): string {
  if ('missing' in valkey) throw new Error(valkey.missing);
  return valkey.path;
}

async function deleteKeys(url: string, prefix: string): Promise<void> {
  const client = new Redis(url);
  for await (const keys of client.scanStream({ match: `${prefix}:*`, count: 1000 })) {
    if ((keys as string[]).length > 0) await client.unlink(...(keys as string[]));
  }
  await client.quit();
}

let runCount = 0;

/** A run that was not seen before. */
export function newRun(orgId: string, delayMs = 0): EnqueuedRun {
  runCount += 1;
  return { orgId, runId: `run_${String(runCount).padStart(6, '0')}`, memoryMb: 64, delayMs };
}

/** Takes until a run comes, however many idle takes that needs, and says that it takes no more. */
export async function takeSome(queue: RunQueue, max = 1): Promise<TakenRun[]> {
  const taking = new AbortController();
  for (;;) {
    const runs = await queue.take(max, taking.signal);
    if (runs.length === 0) continue;
    taking.abort();
    return runs;
  }
}

export async function takeOne(queue: RunQueue): Promise<TakenRun> {
  const [taken] = await takeSome(queue);
  return taken!;
}

/** Whatever can be had without waiting long: for showing that there is nothing. */
export async function takeNothing(queue: RunQueue, forMs: number): Promise<TakenRun[]> {
  return queue.take(10, AbortSignal.timeout(forMs));
}
