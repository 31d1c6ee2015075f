import { Cluster, Redis, type RedisOptions } from 'ioredis';

import type { RedisAddress } from './address.ts';

/**
 * A connection, or on a cluster one to each node. The commands of both are the same, so one type serves; what differs
 * (`client`, `scan`, transactions across slots) is not used on a cluster.
 */
export type RedisClient = Redis;

/** Each node that keeps keys: SCAN sees its own only. */
export function mastersOf(client: RedisClient): Redis[] {
  const either: unknown = client;
  return either instanceof Cluster ? either.nodes('master') : [client];
}

/**
 * Whom to tell what has no key, each time the same: a cluster's client would take any node, and what follows could come
 * first. Another one only where that one is gone.
 */
export function steadyNodeOf(client: RedisClient): () => Redis {
  let steady: Redis | undefined;
  return () => {
    const masters = mastersOf(client);
    if (steady === undefined || !masters.includes(steady)) steady = masters[Math.floor(Math.random() * masters.length)];
    return steady ?? client;
  };
}

export type ClientOptions = Omit<RedisOptions, 'replyMapping'>;

const SENTINEL_WITHIN_MS = 2000;
const SLOTS_WITHIN_MS = 2000;

/** Connects with its first command, and again for ever. Loads nothing but ioredis: the lease thread uses it. */
export function newClient(address: RedisAddress, connectionName: string, options: ClientOptions): RedisClient {
  const { nodes, username, password, db, isTls } = address;
  const common: ClientOptions = {
    lazyConnect: true,
    connectionName,
    ...(username === undefined ? {} : { username }),
    ...(password === undefined ? {} : { password }),
    ...(isTls ? { tls: {} } : {}),
    // A master that was demoted: the one in its place is asked for.
    reconnectOnError: (error) => (error.message.startsWith('READONLY') ? 2 : false),
    ...options,
  };
  const retryStrategy = (times: number): number => Math.min(50 * times, 500);
  if (address.kind === 'cluster') {
    return new Cluster([...nodes], {
      lazyConnect: true,
      clusterRetryStrategy: retryStrategy,
      slotsRefreshTimeout: SLOTS_WITHIN_MS,
      redisOptions: common,
    }) as unknown as Redis;
  }
  if (address.kind === 'single') return new Redis({ ...common, ...nodes[0]!, db, retryStrategy });
  return new Redis({
    ...common,
    sentinels: [...nodes],
    name: address.masterName!,
    db,
    retryStrategy,
    sentinelRetryStrategy: retryStrategy,
    connectTimeout: SENTINEL_WITHIN_MS,
    ...(address.sentinelPassword === undefined ? {} : { sentinelPassword: address.sentinelPassword }),
    ...(isTls ? { enableTLSForSentinelMode: true } : {}),
  });
}
