import { WAITING_RUN_STATES } from '@bullpen/core';

import type { Database } from '../database.ts';
import { postgresCodeOf, reaching, reading } from '../postgres-errors.ts';
import { stateList } from '../queries/run-columns.ts';

/** One row of an export: the table it is of, and its columns as JSON. */
export interface ExportedRow {
  table: string;
  row: Record<string, unknown>;
}

const EXPORT_PAGE = 500;

/**
 * All rows of an organization, a page at a time, as its own role sees them: what that role may not read (hashes of keys,
 * secrets of webhooks) is not in it, and no row of anybody else can be. The next page is read when `write` has resolved.
 *
 * @returns how many rows
 */
export async function exportOrganization(db: Database, orgId: string, write: (rows: ExportedRow[]) => Promise<void>): Promise<number> {
  let total = 0;
  for (const { table, columns } of await readableTables(db)) {
    await reaching(() => db.tenantExport(orgId, async ({ sql }) => {
      const pages = sql<{ row: Record<string, unknown> }[]>`
        SELECT to_jsonb(r) AS row FROM (SELECT ${sql.unsafe(columns)} FROM ${sql.unsafe(table)}) AS r`.cursor(EXPORT_PAGE);
      for await (const page of pages) {
        total += page.length;
        await write(page.map(({ row }) => ({ table, row })));
      }
    }));
  }
  return total;
}

/** Marks the organization as being deleted. False: there is no such organization. */
export async function adminBeginDeletion(db: Database, orgId: string): Promise<boolean> {
  const marked = await reaching(() => db.sql`
    UPDATE organizations SET deleting_at = coalesce(deleting_at, now()) WHERE id = ${orgId} RETURNING id`);
  return marked.length > 0;
}

/** Removes its keys: nobody can ask in its name any more, as soon as other processes have forgotten them. */
export async function adminDeleteKeys(db: Database, orgId: string): Promise<void> {
  await reaching(() => db.sql`DELETE FROM api_keys WHERE org_id = ${orgId}`);
}

/** Runs that have not ended: index runs_by_state. */
export async function adminCountOpenRuns(db: Database, orgId: string): Promise<number> {
  const [row] = await reading(() => db.sql<{ open: number }[]>`
    SELECT count(*)::integer AS open FROM runs
    WHERE org_id = ${orgId} AND state IN (${stateList(db.sql, [...WAITING_RUN_STATES, 'running'])})`);
  return row?.open ?? 0;
}

const PURGE_BATCH = 2000;
/** Somebody who had not heard of the deletion added a row to what was deleted just then: the next batch takes it along. */
const FOREIGN_KEY_VIOLATION = '23503';
const MOST_CONFLICTS = 50;

/** Deletes every row of the organization, in batches of one transaction each, its own row last; how many per table. */
export async function adminPurgeOrganization(db: Database, orgId: string): Promise<Record<string, number>> {
  const deleted: Record<string, number> = {};
  for (let conflicts = 0; ;) {
    try {
      const rows = await reaching(() => db.sql<{ name: string; deleted: number }[]>`SELECT name, deleted FROM purge_organization(${orgId}, ${PURGE_BATCH})`);
      for (const row of rows) deleted[row.name] = (deleted[row.name] ?? 0) + row.deleted;
      if (rows.length === 0) return deleted;
    } catch (error) {
      conflicts += 1;
      if (postgresCodeOf(error) !== FOREIGN_KEY_VIOLATION || conflicts > MOST_CONFLICTS) throw error;
    }
  }
}

interface ReadableTable {
  table: string;
  /** Quoted, with commas. */
  columns: string;
}

async function readableTables(db: Database): Promise<ReadableTable[]> {
  const rows = await reading(() => db.sql<ReadableTable[]>`
    SELECT t.name::text AS table, string_agg(quote_ident(a.attname), ', ' ORDER BY a.attnum) AS columns
    FROM tenant_tables t JOIN pg_attribute a ON a.attrelid = t.name AND a.attnum > 0 AND NOT a.attisdropped
    WHERE has_column_privilege('bullpen_tenant', t.name, a.attnum, 'SELECT')
    GROUP BY 1 ORDER BY 1`);
  return [...rows];
}
