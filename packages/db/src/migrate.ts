import { createHash } from 'node:crypto';
import { readdir, readFile } from 'node:fs/promises';
import type postgres from 'postgres';

import { BullpenError } from '@bullpen/core';

import type { Database } from './database.ts';

/** Any number that nobody else locks on: "bullpen" read as base 36, shortened to 32 bits. */
const MIGRATION_LOCK_KEY = 714_025_943;

const MIGRATIONS_FOLDER = new URL('../migrations/', import.meta.url);
const FILE_PATTERN = /^\d{4}_[a-z0-9_]+\.sql$/;

export interface MigrationFile {
  name: string;
  sql: string;
  sha256: string;
}

/** The migrations of this version, in order. */
export async function readMigrations(folder: URL = MIGRATIONS_FOLDER): Promise<MigrationFile[]> {
  const names = (await readdir(folder)).filter((name) => FILE_PATTERN.test(name)).sort();
  return Promise.all(names.map(async (name) => {
    const sql = await readFile(new URL(name, folder), 'utf8');
    return { name, sql, sha256: createHash('sha256').update(sql).digest('hex') };
  }));
}

/**
 * Brings the database to this version: every file that its ledger does not name, in order, forward only, in one
 * transaction: the database is at the old version or at the new one. Processes that migrate at the same time take
 * turns on an advisory lock.
 *
 * @throws BullpenError CONFIG_INVALID where a file that was applied before reads differently now.
 */
export async function migrate(db: Database, folder?: URL): Promise<{ applied: string[] }> {
  const files = await readMigrations(folder);
  return db.sql.begin(async (transaction) => {
    await transaction`SELECT pg_advisory_xact_lock(${MIGRATION_LOCK_KEY})`;
    return { applied: await applyPending(transaction, files) };
  });
}

async function applyPending(transaction: postgres.TransactionSql, files: readonly MigrationFile[]): Promise<string[]> {
  const known = await readLedger(transaction);
  const applied: string[] = [];
  for (const file of files) {
    const before = known.get(file.name);
    if (before === file.sha256) continue;
    if (before !== undefined) {
      throw new BullpenError('CONFIG_INVALID', `migration ${file.name} was applied with another text`, { name: file.name });
    }
    await transaction.unsafe(file.sql);
    await transaction`INSERT INTO schema_migrations (name, sha256) VALUES (${file.name}, ${file.sha256})`;
    applied.push(file.name);
  }
  return applied;
}

/** Name -> sha256 of what was applied. The ledger itself is made here, since every migration is written in it. */
async function readLedger(transaction: postgres.TransactionSql): Promise<Map<string, string>> {
  await transaction.unsafe(`
    CREATE TABLE IF NOT EXISTS schema_migrations (
      name text COLLATE "C" PRIMARY KEY, sha256 text NOT NULL, applied_at timestamptz(3) NOT NULL DEFAULT now());
    COMMENT ON TABLE schema_migrations IS 'Ledger of the migration files that were applied.';
    COMMENT ON COLUMN schema_migrations.name IS 'File name.';
    COMMENT ON COLUMN schema_migrations.sha256 IS 'Hex sha256 of the file.';
    COMMENT ON COLUMN schema_migrations.applied_at IS 'When it was applied.';`);
  const rows = await transaction<{ name: string; sha256: string }[]>`SELECT name, sha256 FROM schema_migrations`;
  return new Map(rows.map((row) => [row.name, row.sha256]));
}
