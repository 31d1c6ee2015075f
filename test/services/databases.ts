import { randomBytes } from 'node:crypto';

import postgres from 'postgres';

/** The database that `createTestDatabase` clones: migrated, empty. */
export const TEMPLATE_DATABASE = 'bullpen_template';

export interface TestDatabase {
  readonly url: string;
  /** Ends what is still connected and removes it. */
  drop(): Promise<void>;
}

/** Makes the template anew on a server that was there before. */
export async function makeTemplateOn(adminUrl: string): Promise<string> {
  await withAdmin(adminUrl, (sql) => sql`drop database if exists ${sql(TEMPLATE_DATABASE)} with (force)`);
  await withAdmin(adminUrl, (sql) => sql`create database ${sql(TEMPLATE_DATABASE)}`);
  return Object.assign(new URL(adminUrl), { pathname: `/${TEMPLATE_DATABASE}` }).href;
}

/** @param template - cloned where given, else the database is empty. */
export async function createDatabaseOn(adminUrl: string, template?: typeof TEMPLATE_DATABASE): Promise<TestDatabase> {
  const name = `test_${randomBytes(8).toString('hex')}`;
  await withAdmin(adminUrl, (sql) => (template ? sql`create database ${sql(name)} template ${sql(template)}` : sql`create database ${sql(name)}`));
  const url = new URL(adminUrl);
  url.pathname = `/${name}`;
  return {
    url: url.href,
    drop: () => withAdmin(adminUrl, (sql) => sql`drop database if exists ${sql(name)} with (force)`),
  };
}

async function withAdmin(adminUrl: string, act: (sql: postgres.Sql) => Promise<unknown>): Promise<void> {
  const sql = postgres(adminUrl, { max: 1, onnotice: () => undefined });
  try {
    await act(sql);
  } finally {
    await sql.end({ timeout: 1 });
  }
}
