import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { mkdtemp, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';

import { RUN_STATES, TIERS } from '@bullpen/core';
import { createDatabase, migrate, schema, type Database } from '@bullpen/db';
import { getTableConfig, PgTable } from 'drizzle-orm/pg-core';

import { createEmptyDatabase, type TestDatabase } from '../services/index.ts';

describe('migrations', () => {
  let empty: TestDatabase;
  let db: Database;
  let applied: string[][];

  beforeAll(async () => {
    empty = await createEmptyDatabase();
    db = createDatabase({ url: empty.url });
    const other = createDatabase({ url: empty.url });
    applied = (await Promise.all([migrate(db), migrate(other)])).map((result) => result.applied);
    await other.sql.end();
  });
  afterAll(async () => {
    await db.sql.end();
    await empty.drop();
  });

  it('are applied once when two processes start at the same time', async () => {
    const once = applied.flat();
    expect(once.length).toBeGreaterThan(1);
    expect(new Set(once).size).toBe(once.length);
    expect(await migrate(db)).toEqual({ applied: [] });
    const ledger = await db.sql`SELECT name FROM schema_migrations ORDER BY name`;
    expect(ledger.map((row) => row['name'])).toEqual(once);
  });

  it('that were applied with another text are refused', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'migrations-'));
    await writeFile(join(folder, '0001_spine.sql'), 'SELECT 1');
    await expect(migrate(db, pathToFileURL(`${folder}/`))).rejects.toMatchObject({ code: 'CONFIG_INVALID' });
  });

  it('leave nothing behind when one of them fails', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'migrations-'));
    await writeFile(join(folder, '0101_good.sql'), 'CREATE TABLE half_done ()');
    await writeFile(join(folder, '0102_bad.sql'), 'CREATE TABLE half_done ()');
    await expect(migrate(db, pathToFileURL(`${folder}/`))).rejects.toMatchObject({ code: '42P07' });
    const left = await db.sql`SELECT name FROM schema_migrations WHERE name = '0101_good.sql'`;
    expect(left).toHaveLength(0);
  });

  it('make the columns, types and nullability that the drizzle schema declares', async () => {
    const rows = await db.sql<{ table: string; column: string; type: string; notNull: boolean; hasDefault: boolean }[]>`
      SELECT c.relname AS table, a.attname AS column, format_type(a.atttypid, a.atttypmod) AS type, a.attnotnull AS "notNull",
        a.atthasdef AS "hasDefault"
      FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid
      WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p') AND NOT c.relispartition AND a.attnum > 0 AND NOT a.attisdropped`;
    const inDatabase = rows.map((row) => JSON.stringify(row)).sort();
    const declared = declaredTables().flatMap((table) => table.columns.map((column) => JSON.stringify({
      table: table.name, column: column.name, type: column.getSQLType().replace('timestamp (', 'timestamp('),
      notNull: column.notNull, hasDefault: column.hasDefault || column.generated !== undefined,
    }))).sort();
    expect(inDatabase).toEqual(declared);
  });

  it('make the primary and foreign keys that the drizzle schema declares', async () => {
    const rows = await db.sql<{ table: string; kind: string; columns: string }[]>`
      SELECT conrelid::regclass::text AS table, contype AS kind,
        (SELECT string_agg(attname, ',' ORDER BY ordinality) FROM unnest(conkey) WITH ORDINALITY AS key (num, ordinality)
          JOIN pg_attribute ON attrelid = conrelid AND attnum = num) AS columns
      FROM pg_constraint WHERE connamespace = 'public'::regnamespace AND contype IN ('p', 'f', 'u')
        AND NOT (SELECT relispartition FROM pg_class WHERE oid = conrelid)`;
    const inDatabase = rows.map((row) => `${row.table} ${row.kind} ${row.columns}`).sort();
    expect(inDatabase).toEqual(declaredTables().flatMap(declaredKeys).sort());
  });

  it('comment on every table, view and column', async () => {
    const silent = await db.sql`
      SELECT c.relname || coalesce('.' || a.attname, '') AS name
      FROM pg_class c LEFT JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
      WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p', 'v') AND NOT c.relispartition
        AND (obj_description(c.oid, 'pg_class') IS NULL OR col_description(c.oid, a.attnum) IS NULL)`;
    expect(silent.map((row) => row['name'])).toEqual([]);
  });

  it('allow exactly the states and tiers of the vocabulary', async () => {
    const rows = await db.sql<{ definition: string }[]>`
      SELECT pg_get_constraintdef(oid) AS definition FROM pg_constraint
      WHERE conrelid = 'runs'::regclass AND conname IN ('runs_state_check', 'runs_tier_check') ORDER BY conname`;
    const words = rows.map((row) => [...row.definition.matchAll(/'(\w+)'/g)].map((match) => match[1]));
    expect(words).toEqual([[...RUN_STATES], [...TIERS]]);
  });
});

function declaredTables() {
  return Object.values(schema).filter((table) => table instanceof PgTable).map((table) => getTableConfig(table));
}

function declaredKeys(table: ReturnType<typeof getTableConfig>): string[] {
  const names = (columns: readonly { name: string }[]) => columns.map((column) => column.name).join(',');
  return [
    ...table.columns.filter((column) => column.primary).map((column) => `${table.name} p ${column.name}`),
    ...table.columns.filter((column) => column.isUnique).map((column) => `${table.name} u ${column.name}`),
    ...table.primaryKeys.map((key) => `${table.name} p ${names(key.columns)}`),
    ...table.uniqueConstraints.map((key) => `${table.name} u ${names(key.columns)}`),
    ...table.foreignKeys.map((key) => `${table.name} f ${names(key.reference().columns)}`),
  ];
}
