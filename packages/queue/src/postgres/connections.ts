import { messageOf, type Logger } from '@bullpen/core';
import { DEFAULT_SCHEMA } from 'bullmq';
import pg from 'pg';

/** BullMQ's statements name no schema, so the connection must. */
const SEARCH_PATH = `-c search_path=${DEFAULT_SCHEMA}`;
/**
 * The queue is the transport, not the record: what a crash of Postgres takes from it (less than a second) is added
 * again from the runs' rows, or delivered again and found recorded. So no commit of it waits for the disk.
 */
const NO_WAIT_FOR_DISK = '-c synchronous_commit=off';
const CONNECT_WITHIN_MS = 5000;
const IDLE_CLOSE_MS = 60_000;

/** Connections of the queue in one process: these and one that listens. */
export const MAX_QUEUE_CONNECTIONS = 5;

export function connectionConfig(url: string, applicationName: string): pg.ClientConfig {
  return {
    connectionString: url,
    application_name: applicationName.slice(0, 63),
    options: `${SEARCH_PATH} ${NO_WAIT_FOR_DISK}`,
    connectionTimeoutMillis: CONNECT_WITHIN_MS,
    keepAlive: true,
  };
}

/** A pool that opens connections as they are needed, `max` at most. */
export function createPool(config: pg.ClientConfig, max: number, log: Logger): pg.Pool {
  const pool = new pg.Pool({ ...config, max, idleTimeoutMillis: IDLE_CLOSE_MS });
  pool.on('error', (error) => log.warn({ error: messageOf(error) }, 'queue.connection_error'));
  return pool;
}
