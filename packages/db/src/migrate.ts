import { createHash } from 'node:crypto';
import { readdir, readFile } from 'node:fs/promises';

import { BullpenError } from '@bullpen/core';

import type { Database } from './database.ts';
import { postgresCodeOf, reaching } from './postgres-errors.ts';

/** Any number that nobody else locks on: "bullpen" read as base 36, shortened to 32 bits. */
const MIGRATION_LOCK_KEY = 714_025_943;

const MIGRATIONS_FOLDER = new URL('../migrations/', import.meta.url);
const FILE_PATTERN = /^\d{4}_[a-z0-9_]+\.sql$/;
/** SQLSTATE of our own: a file that was applied reads differently now. */
const CHANGED_FILE = 'BP001';

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
 * turns on an advisory lock. All of it is one message to Postgres, so a connection that is lost meanwhile leaves nothing
 * half done, on the server or here.
 *
 * @throws BullpenError CONFIG_INVALID where a file that was applied before reads differently now; SERVICE_UNAVAILABLE
 * where the connection was lost: then the same call may be made again.
 */
export async function migrate(db: Database, folder?: URL): Promise<{ applied: string[] }> {
  const files = await readMigrations(folder);
  try {
    const results = await reaching(() => db.sql.unsafe<AppliedRow[][]>(migrationScript(files)));
    return { applied: results.flat().filter((row) => row.is_new === true).map((row) => row.name) };
  } catch (error) {
    if (postgresCodeOf(error) !== CHANGED_FILE) throw error;
    throw new BullpenError('CONFIG_INVALID', (error as Error).message, {}, { cause: error });
  }
}

interface AppliedRow {
  name: string;
  is_new?: boolean;
}

/**
 * What brings any database to this version when it is sent as one simple query, which Postgres runs as one transaction.
 * The files are applied by a function of this session, since whether one is applied is decided under the lock.
 */
export function migrationScript(files: readonly MigrationFile[]): string {
  const applied = files.map(({ name, sha256, sql }) => `SELECT ${literal(name)} AS name, pg_temp.apply_migration(${literal(name)}, ${literal(sha256)}, ${quoted(sql)}) AS is_new;`);
  return [LEDGER, ...applied, 'DROP FUNCTION pg_temp.apply_migration(text, text, text);'].join('\n');
}

/** The ledger is made here and not by a migration, since every migration is written in it. */
const LEDGER = `
SELECT pg_advisory_xact_lock(${MIGRATION_LOCK_KEY});
CREATE TABLE IF NOT EXISTS schema_migrations (
  name text COLLATE "C" PRIMARY KEY, sha256 text NOT NULL, applied_at timestamptz(3) NOT NULL DEFAULT now());
COMMENT ON TABLE schema_migrations IS 'Ledger of the migration files that were applied.';
COMMENT ON COLUMN schema_migrations.name IS 'File name.';
COMMENT ON COLUMN schema_migrations.sha256 IS 'Hex sha256 of the file.';
COMMENT ON COLUMN schema_migrations.applied_at IS 'When it was applied.';
CREATE OR REPLACE FUNCTION pg_temp.apply_migration(file text, hash text, script text) RETURNS boolean LANGUAGE plpgsql AS $apply$
DECLARE
  hash_before text := (SELECT m.sha256 FROM schema_migrations m WHERE m.name = file);
BEGIN
  IF hash_before = hash THEN RETURN false; END IF;
  IF hash_before IS NOT NULL THEN
    RAISE EXCEPTION 'migration % was applied with another text', file USING ERRCODE = '${CHANGED_FILE}';
  END IF;
  EXECUTE script;
  INSERT INTO schema_migrations (name, sha256) VALUES (file, hash);
  RETURN true;
END $apply$;`;

function literal(text: string): string {
  return `'${text.replaceAll("'", "''")}'`;
}

const FILE_TAG = '$bullpen_migration$';

/** Dollar-quoted, so that a file reads the same in the script. */
function quoted(sql: string): string {
  if (sql.includes(FILE_TAG)) throw new BullpenError('INTERNAL', `a migration holds ${FILE_TAG}`);
  return `${FILE_TAG}${sql}${FILE_TAG}`;
}
