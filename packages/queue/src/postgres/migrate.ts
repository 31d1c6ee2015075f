import { readFileSync } from 'node:fs';
import { runMigrations } from 'bullmq';
import pg from 'pg';

import { backendOf } from '../queue-url.ts';
import { isUnavailable, unavailable } from '../unavailable.ts';
import { connectionConfig } from './connections.ts';

/** In the order in which they are applied; never changed or removed once released. */
const MIGRATIONS = ['0001_ready_set', '0002_limits_and_costs', '0003_inner_order', '0004_start_of_line'] as const;
/** `BPQU`, so that it meets no other advisory lock by accident. */
const ADVISORY_LOCK = 0x42505155;

/**
 * Brings the queue's schemas up to date: BullMQ's own and the ready set's. Forward only, safe to run from several
 * processes at once; does nothing for Redis.
 * @throws BullpenError SERVICE_UNAVAILABLE
 */
export async function migrateQueue(url: string): Promise<void> {
  if (backendOf(url) === 'redis') return;
  const client = new pg.Client(connectionConfig(url, 'bullpen-queue:migrate'));
  client.on('error', () => undefined); // What was under way rejects by itself.
  try {
    await client.connect();
    await client.query('SELECT pg_advisory_lock($1)', [ADVISORY_LOCK]);
    await runMigrations(client);
    await migrateReadySet(client);
  } catch (thrown) {
    throw isUnavailable(thrown) ? unavailable('migrate', thrown) : thrown;
  } finally {
    // Ends the lock as well.
    await client.end().catch(() => undefined);
  }
}

async function migrateReadySet(client: pg.Client): Promise<void> {
  await client.query('CREATE SCHEMA IF NOT EXISTS bullpen_queue');
  await client.query('CREATE TABLE IF NOT EXISTS bullpen_queue.migration (name text PRIMARY KEY, applied_at timestamptz NOT NULL DEFAULT now())');
  const { rows } = await client.query<{ name: string }>('SELECT name FROM bullpen_queue.migration');
  const applied = new Set(rows.map((row) => row.name));
  for (const name of MIGRATIONS) {
    if (!applied.has(name)) await apply(client, name);
  }
}

async function apply(client: pg.Client, name: string): Promise<void> {
  await client.query('BEGIN');
  try {
    await client.query(readFileSync(new URL(`./migrations/${name}.sql`, import.meta.url), 'utf8'));
    await client.query('INSERT INTO bullpen_queue.migration (name) VALUES ($1)', [name]);
    await client.query('COMMIT');
  } catch (thrown) {
    await client.query('ROLLBACK');
    throw thrown;
  }
}
