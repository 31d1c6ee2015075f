import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { spawnSync } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';

import { createDatabase, createOrganization, migrate, type Database } from '@bullpen/db';
import { renderSetupScript } from '@bullpen/infra';

import { createEmptyDatabase, type TestDatabase } from '../services/index.ts';
import { listTables, loosen, rowsOf, seed, type SeededTable } from './tenant-seeds.ts';

const SCRIPT = fileURLToPath(new URL('../../infra/supabase/setup-runtime-tables.sql', import.meta.url));
const DEPLOY = fileURLToPath(new URL('../../infra/deploy-runtime.sh', import.meta.url));
const ADA = '11111111-1111-4111-8111-111111111111';
const BOB = '22222222-2222-4222-8222-222222222222';
const EVE = '33333333-3333-4333-8333-333333333333';

/** What Supabase has before anybody adds anything, as far as it matters here: its roles, their default rights, auth.users. */
const STAND_IN = `
  DO $$ BEGIN
    CREATE ROLE anon NOLOGIN; CREATE ROLE authenticated NOLOGIN; CREATE ROLE service_role NOLOGIN BYPASSRLS;
  EXCEPTION WHEN duplicate_object THEN NULL; END $$;
  CREATE SCHEMA auth;
  CREATE TABLE auth.users (id uuid PRIMARY KEY);
  INSERT INTO auth.users VALUES ('${ADA}'), ('${BOB}'), ('${EVE}');
  GRANT USAGE ON SCHEMA public TO anon, authenticated, service_role;
  ALTER DEFAULT PRIVILEGES IN SCHEMA public GRANT ALL ON TABLES TO anon, authenticated, service_role;
  ALTER DEFAULT PRIVILEGES IN SCHEMA public GRANT ALL ON FUNCTIONS TO anon, authenticated, service_role;
  CREATE TABLE products (id integer PRIMARY KEY, org_id text);`;

let database: TestDatabase;
let db: Database;
let tables: SeededTable[];

function deploy(...args: string[]) {
  const { status, stdout } = spawnSync(DEPLOY, args, { encoding: 'utf8', env: { PATH: process.env['PATH'], DATABASE_URL: database.url } });
  return { status, stdout };
}

/** Statements as PostgREST runs them: the role, and the claims of a token it has checked. */
async function asUser(role: 'anon' | 'authenticated', claims: object | null, statement: string): Promise<Record<string, unknown>[] | string> {
  try {
    const results = await db.sql.unsafe<Record<string, unknown>[][]>(`BEGIN; SET LOCAL ROLE ${role};
      SET LOCAL request.jwt.claims = '${claims === null ? '' : JSON.stringify(claims)}'; ${statement}; ROLLBACK`);
    return results.flat();
  } catch (error) {
    await db.sql`ROLLBACK`;
    return String((error as { code?: string }).code);
  }
}

beforeAll(async () => {
  database = await createEmptyDatabase();
  db = createDatabase({ url: database.url, maxConnections: 1 });
  await db.sql.unsafe(STAND_IN);
});
afterAll(async () => {
  await db.sql.end({ timeout: 1 });
  await database.drop();
});

describe('the script for Supabase', () => {
  it('is what the migrations and policies make of it: run `node infra/supabase/generate.ts` after a change', async () => {
    expect(await readFile(SCRIPT, 'utf8')).toBe(await renderSetupScript());
  });

  it('tells in a dry run what it would do, and does nothing', async () => {
    const tried = deploy('--dry-run');
    expect(tried).toMatchObject({ status: 0, stdout: expect.stringMatching(/would apply {2}0001_spine\.sql[\s\S]*nothing was changed/) });
    expect(await db.sql`SELECT to_regclass('runs') AS found`).toEqual([{ found: null }]);
  });

  it('is applied, again without harm, and the API then finds nothing left to migrate', async () => {
    expect(deploy()).toMatchObject({ status: 0, stdout: expect.stringMatching(/^applied {2}0001_spine\.sql/) });
    expect(deploy()).toMatchObject({ status: 0, stdout: expect.stringMatching(/^is there {2}0001_spine\.sql/) });
    expect(await migrate(db)).toEqual({ applied: [] });
  });

  it('refuses what it does not know, and a database that refuses it', () => {
    expect(deploy('--force')).toMatchObject({ status: 2 });
    const broken = spawnSync(DEPLOY, [], { encoding: 'utf8', env: { PATH: process.env['PATH'], DATABASE_URL: database.url.replace(/\/test_/, '/no_') } });
    expect(broken).toMatchObject({ status: 1, stdout: expect.stringMatching(/nothing was changed/) });
  });
});

describe('on Supabase', () => {
  beforeAll(async () => {
    for (const id of ['acme', 'rival']) await createOrganization(db, { id, name: id, poolMb: 64, maxMemoryMb: 64, minimumTier: 'basic' });
    await db.sql`INSERT INTO organization_members (org_id, user_id, role) VALUES ('acme', ${ADA}, 'owner'), ('acme', ${BOB}, 'viewer'), ('rival', ${BOB}, 'viewer')`;
    // Rows that keep no rule but that of being somebody's: what is tried here is who sees them.
    await loosen(db);
    const all = await listTables(db);
    tables = all.filter(({ name, columns }) => name.startsWith('public.') && !/products|organization_members|public\.organizations/.test(name) && columns.length > 0);
    for (const org of ['acme', 'rival']) await seed(db, tables, org);
  });

  it('a user sees what is their organizations\' in every table, and nothing else', async () => {
    const before = await rowsOf(db, tables, 'rival');
    for (const { name, orgColumn } of tables.filter((table) => table.orgColumn !== null && !/_p?\d{8}$|_default$/.test(table.name))) {
      const mine = await asUser('authenticated', { sub: ADA }, `SELECT "${orgColumn}" AS org FROM ${name}`);
      if (typeof mine !== 'string') expect({ name, mine }).toEqual({ name, mine: [{ org: 'acme' }] });
      const both = await asUser('authenticated', { sub: BOB }, `SELECT "${orgColumn}" AS org FROM ${name} ORDER BY 1`);
      if (typeof both !== 'string') expect({ name, both }).toEqual({ name, both: [{ org: 'acme' }, { org: 'rival' }] });
      for (const claims of [{ sub: EVE }, {}, null]) {
        const none = await asUser('authenticated', claims, `SELECT "${orgColumn}" AS org FROM ${name}`);
        if (typeof none !== 'string') expect({ name, none }).toEqual({ name, none: [] });
      }
    }
    expect(await asUser('authenticated', { sub: ADA }, 'SELECT id FROM organizations')).toEqual([{ id: 'acme' }]);
    expect(await asUser('authenticated', { sub: ADA }, 'SELECT count(*) AS runs FROM runs')).toEqual([{ runs: 1 }]);
    expect(await rowsOf(db, tables, 'rival')).toEqual(before);
  });

  it('a claim of the platform narrows a token to one organization; a claim of the user\'s own making opens none', async () => {
    expect(await asUser('authenticated', { sub: BOB, app_metadata: { org_id: 'rival' } }, 'SELECT org_id FROM runs')).toEqual([{ org_id: 'rival' }]);
    expect(await asUser('authenticated', { sub: ADA, app_metadata: { org_id: 'rival' } }, 'SELECT org_id FROM runs')).toEqual([]);
    expect(await asUser('authenticated', { sub: EVE, user_metadata: { org_id: 'acme' }, org_id: 'acme' }, 'SELECT org_id FROM runs')).toEqual([]);
  });

  it('nobody changes anything past the API, names a partition, reads a secret or calls a function of upkeep', async () => {
    for (const { name, columns } of tables) {
      for (const statement of [`DELETE FROM ${name}`, `TRUNCATE ${name}`, `UPDATE ${name} SET "${columns[0]?.name}" = "${columns[0]?.name}"`, `INSERT INTO ${name} DEFAULT VALUES`]) {
        for (const role of ['anon', 'authenticated'] as const) expect([statement, role, await asUser(role, { sub: ADA }, statement)]).toEqual([statement, role, '42501']);
      }
      expect([name, await asUser('anon', null, `SELECT 1 FROM ${name}`)]).toEqual([name, '42501']);
    }
    for (const { name } of tables.filter((table) => /_p?\d{8}$|_default$/.test(table.name))) {
      expect([name, await asUser('authenticated', { sub: ADA }, `SELECT 1 FROM ${name}`)]).toEqual([name, '42501']);
    }
    expect(await asUser('authenticated', { sub: ADA }, 'SELECT secret_hash FROM api_keys')).toBe('42501');
    expect(await asUser('authenticated', { sub: ADA }, `SELECT * FROM purge_organization('rival', 9)`)).toBe('42501');
  });

  it('memberships end with the user and with the organization', async () => {
    await db.sql`DELETE FROM auth.users WHERE id = ${ADA}`;
    expect(await db.sql`SELECT user_id FROM organization_members WHERE org_id = 'acme'`).toEqual([{ user_id: BOB }]);
    expect(await asUser('authenticated', { sub: ADA }, 'SELECT id FROM organizations')).toEqual([]);
    await expect(db.sql`INSERT INTO organization_members (org_id, user_id) VALUES ('acme', ${ADA})`).rejects.toMatchObject({ code: '23503' });
  });

  it('a table of the product beside ours keeps the rights it had', async () => {
    expect(await asUser('authenticated', { sub: EVE }, `INSERT INTO products VALUES (1, 'acme') RETURNING id`)).toEqual([{ id: 1 }]);
  });

  it('partitions that are made later are closed as well', async () => {
    await db.sql`SELECT make_partitions('run_events', current_date + 20, 2), close_partitions()`;
    const open = await db.sql`SELECT c.relname FROM pg_inherits JOIN pg_class c ON c.oid = inhrelid WHERE inhparent = 'run_events'::regclass AND NOT c.relrowsecurity`;
    expect(open).toEqual([]);
    const [made] = await db.sql<{ name: string }[]>`SELECT 'run_events_' || to_char(current_date + 21, 'YYYYMMDD') AS name`;
    expect(await asUser('anon', null, `TRUNCATE ${made?.name}`)).toBe('42501');
  });
});
