import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { randomBytes } from 'node:crypto';
import { text } from 'node:stream/consumers';

import { createDatabase, type Database } from '@bullpen/db';
import postgres from 'postgres';

import { insertOf, listTables, loosen, rowsOf, seed, type SeededTable } from '../integration/tenant-seeds.ts';
import { createTestDatabase, type TestDatabase } from '../services/index.ts';

/**
 * A tenant with a connection of its own, whose login has the rights of bullpen_tenant and nothing else, tries every kind of
 * statement on every table, sequence and function of the database, as the catalog lists them.
 */
const OWN = 'acme';
const RIVAL = 'rival';
const DENIED = '42501';
/** COPY FROM does not go together with row level security. */
const NOT_SUPPORTED = '0A000';

let database: TestDatabase;
let db: Database;
let hostile: postgres.Sql;
let tables: SeededTable[];
let before: Record<string, string[]>;
const login = `hostile_${randomBytes(6).toString('hex')}`;

beforeAll(async () => {
  database = await createTestDatabase();
  db = createDatabase({ url: database.url });
  await loosen(db);
  tables = await listTables(db);
  for (const org of [OWN, RIVAL]) await seed(db, tables, org);
  before = await rowsOf(db, tables, RIVAL);
  await db.sql.unsafe(`CREATE ROLE ${login} LOGIN INHERIT PASSWORD 'hostile' IN ROLE bullpen_tenant`);
  const url = new URL(database.url);
  url.username = login;
  url.password = 'hostile';
  hostile = postgres(url.href, { max: 1, fetch_types: false, onnotice: () => undefined, connection: { 'app.org_id': OWN } as never });
});
afterAll(async () => {
  await hostile.end({ timeout: 1 });
  await db.sql.unsafe(`DROP ROLE ${login}`);
  await db.sql.end({ timeout: 1 });
  await database.drop();
});

/** What a statement gives, or the code with which it is refused. */
async function attempt(statement: string): Promise<{ rows: unknown[]; count: number } | { refused: string }> {
  try {
    const result = await hostile.unsafe(statement);
    return { rows: [...result], count: result.count };
  } catch (error) {
    return { refused: String((error as { code?: string }).code) };
  }
}

/** The statement is refused for want of a right, or meets no row. */
async function expectNothing(statement: string): Promise<void> {
  const result = await attempt(statement);
  if ('refused' in result) expect({ statement, ...result }).toEqual({ statement, refused: DENIED });
  else expect({ statement, count: result.count }).toEqual({ statement, count: 0 });
}

async function expectRefused(statement: string, ...codes: string[]): Promise<void> {
  const result = await attempt(statement);
  expect({ statement, isRefused: 'refused' in result && [DENIED, ...codes].includes(result.refused), result }).toMatchObject({ statement, isRefused: true });
}

const owned = () => tables.filter((table): table is SeededTable & { orgColumn: string } => table.orgColumn !== null);

describe('a hostile tenant', () => {
  it('finds a row of its rival in every table of tenants, or the test would prove nothing', () => {
    const bare = owned().filter(({ name }) => before[name]?.length === 0).map(({ name }) => name);
    // Partitions other than the one of today.
    expect(bare.filter((name) => !/_p?\d{8}$|_default$/.test(name))).toEqual([]);
    expect(owned().length).toBeGreaterThan(14);
  });

  it('is walled off from every table that has an organization: policy, forced, for owner and tenant', async () => {
    const open = await db.sql`
      SELECT c.oid::regclass::text AS name FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attname = 'org_id'
      WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p') AND NOT c.relispartition
        AND NOT (c.relrowsecurity AND c.relforcerowsecurity AND c.oid::regclass IN (SELECT name FROM tenant_tables))`;
    expect(open.map((row) => row['name'])).toEqual([]);
  });

  it('reads nothing of its rival, by whole rows, by the columns it may read, or row by row', async () => {
    for (const { name, columns } of tables) {
      const readable = await hostile<{ name: string }[]>`
        SELECT attname AS name FROM pg_attribute WHERE attrelid = to_regclass(${name}) AND attname = ANY (${`{${columns.map((column) => column.name).join(',')}}`}::text[])
          AND has_column_privilege(attrelid, attnum, 'SELECT')`.catch(() => []);
      const statements = [`SELECT * FROM ${name}`, `SELECT count(*) FROM ${name}`, ...(readable.length > 0 ? [`SELECT ${readable.map((column) => `"${column.name}"`).join(', ')} FROM ${name}`] : [])];
      for (const statement of statements) {
        const result = await attempt(statement);
        if ('refused' in result) expect({ statement, ...result }).toEqual({ statement, refused: DENIED });
        else expect({ statement, leaked: JSON.stringify(result.rows).includes(RIVAL) }).toEqual({ statement, leaked: false });
      }
    }
  });

  it('sees as many rows as are its own', async () => {
    const seen = await hostile.unsafe('SELECT (SELECT count(*) FROM runs)::integer AS runs, (SELECT count(*) FROM run_events)::integer AS events');
    expect(seen).toMatchObject([{ runs: 1, events: 1 }]);
  });

  it('inserts nothing for its rival', async () => {
    for (const table of owned()) {
      await expectRefused(insertOf(table, RIVAL, '-planted'));
      await expectRefused(`${insertOf(table, RIVAL)} ON CONFLICT DO NOTHING`);
    }
  });

  it('updates, moves, locks and deletes no row of its rival', async () => {
    for (const { name, orgColumn } of owned()) {
      await expectNothing(`UPDATE ${name} SET "${orgColumn}" = "${orgColumn}" WHERE "${orgColumn}" = '${RIVAL}'`);
      await expectNothing(`UPDATE ${name} SET "${orgColumn}" = '${OWN}' WHERE "${orgColumn}" <> '${OWN}'`);
      await expectRefused(`UPDATE ${name} SET "${orgColumn}" = '${RIVAL}'`);
      await expectNothing(`SELECT 1 FROM ${name} WHERE "${orgColumn}" = '${RIVAL}' FOR UPDATE`);
      await expectNothing(`DELETE FROM ${name} WHERE "${orgColumn}" = '${RIVAL}'`);
    }
  });

  it('writes nothing at all where no organization owns', async () => {
    for (const table of tables.filter(({ orgColumn }) => orgColumn === null)) {
      await expectRefused(insertOf(table, OWN));
      await expectRefused(`UPDATE ${table.name} SET "${table.columns[0]?.name}" = "${table.columns[0]?.name}"`);
      await expectRefused(`DELETE FROM ${table.name}`);
    }
  });

  it('truncates and copies nothing', async () => {
    for (const { name } of tables) {
      await expectRefused(`TRUNCATE ${name}`);
      const copied = await hostile.unsafe(`COPY ${name} TO STDOUT`).readable().then((stream) => text(stream)).catch((error: unknown) => (error as { code: string }).code);
      expect({ name, leaked: copied.includes(RIVAL) }).toEqual({ name, leaked: false });
      await expectRefused(`COPY ${name} FROM STDIN`, NOT_SUPPORTED);
    }
  });

  it('calls only the functions that are meant for it, and they serve nobody else', async () => {
    const callable = await hostile<{ name: string }[]>`
      SELECT p.oid::regprocedure::text AS name FROM pg_proc p
      WHERE p.pronamespace NOT IN ('pg_catalog'::regnamespace, 'information_schema'::regnamespace)
        AND has_schema_privilege(p.pronamespace, 'USAGE') AND has_function_privilege(p.oid, 'EXECUTE') ORDER BY 1`;
    expect(callable.map(({ name }) => name.replace(/\(.*/, ''))).toEqual(['create_agent_version', 'current_org_id', 'version_places_taken']);
    await expectRefused(`SELECT * FROM create_agent_version('${RIVAL}', 'planted', 'ver_x', '${'c'.repeat(64)}', 'x', 1, '{}')`);
    // It reads as who calls it, so that it counts nothing of another's, although there is something to count.
    const [run] = await db.sql<{ agent: string; version: number }[]>`UPDATE runs SET state = 'running' WHERE org_id = ${RIVAL} RETURNING agent, version`;
    if (run === undefined) throw new Error('the rival has no run');
    const placesTaken = `SELECT version_places_taken('${RIVAL}', '${run.agent}', ${run.version}, 'run_x') AS taken`;
    expect(await db.sql.unsafe(placesTaken)).toEqual([{ taken: 1 }]);
    expect(await hostile.unsafe(placesTaken)).toEqual([{ taken: 0 }]);
    await db.sql`UPDATE runs SET state = ${RIVAL} WHERE org_id = ${RIVAL}`; // as it was seeded
  });

  it('uses no sequence', async () => {
    const sequences = await db.sql<{ name: string }[]>`SELECT oid::regclass::text AS name FROM pg_class WHERE relkind = 'S'`;
    for (const { name } of sequences) {
      await expectRefused(`SELECT nextval('${name}')`);
      await expectRefused(`SELECT setval('${name}', 1)`);
    }
  });

  it('becomes nobody else, opens no wall and builds nothing', async () => {
    const [owner] = await db.sql<{ name: string }[]>`SELECT current_user AS name`;
    await expectRefused(`SET ROLE "${owner?.name}"`);
    await expectRefused(`SET SESSION AUTHORIZATION "${owner?.name}"`);
    await expectRefused('SET row_security = off; SELECT * FROM runs');
    await expectRefused('ALTER TABLE runs DISABLE ROW LEVEL SECURITY');
    await expectRefused('DROP POLICY tenant ON runs');
    await expectRefused('CREATE TABLE public.mine ()');
    // Only a warning says that nothing was granted.
    await attempt('GRANT ALL ON runs TO PUBLIC');
    expect(await db.sql`SELECT 1 FROM pg_class c, aclexplode(c.relacl) AS acl WHERE c.relname = 'runs' AND acl.grantee = 0`).toEqual([]);
    await expectRefused(`ALTER ROLE ${login} BYPASSRLS`);
    await expectRefused(`SELECT pg_read_file('postgresql.conf')`);
  });

  it('that names no organization is told so, and shown nothing', async () => {
    const result = await attempt(`SET app.org_id = ''; SELECT * FROM runs`);
    expect(result).toEqual({ refused: 'BP002' });
  });

  it('left every row of its rival as it was', async () => {
    expect(await rowsOf(db, tables, RIVAL)).toEqual(before);
  });
});
