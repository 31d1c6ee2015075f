import type { Database } from '@bullpen/db';

/**
 * Rows for every table there is, made from the catalog alone, so that a table that is added later is filled as well. Rules
 * between tables do not hold meanwhile: checks are dropped (of a database of the test's own), foreign keys not asked, and each
 * partitioned table takes rows of any time.
 */

export interface SeededTable {
  /** Qualified and quoted. */
  name: string;
  /** The column that names the organization; null: the table belongs to nobody in particular. */
  orgColumn: string | null;
  columns: { name: string; type: string }[];
}

/** Every table of ours and of whoever else keeps tables in this database; partitions too, since they can be named. */
export async function listTables(db: Database): Promise<SeededTable[]> {
  const rows = await db.sql<SeededTable[]>`
    SELECT format('%I.%I', n.nspname, c.relname) AS name,
      CASE WHEN c.oid = to_regclass('public.organizations') THEN 'id'
        ELSE (SELECT attname::text FROM pg_attribute WHERE attrelid = c.oid AND attname = 'org_id' AND NOT attisdropped) END AS "orgColumn",
      (SELECT json_agg(json_build_object('name', attname, 'type', format_type(atttypid, NULL)) ORDER BY attnum) FROM pg_attribute
        WHERE attrelid = c.oid AND attnum > 0 AND NOT attisdropped AND attgenerated = '' AND attidentity = '') AS columns
    FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
    WHERE c.relkind IN ('r', 'p') AND n.nspname NOT IN ('pg_catalog', 'information_schema', 'pg_toast')
    ORDER BY 1`;
  return [...rows];
}

export async function loosen(db: Database): Promise<void> {
  await db.sql`
    DO $$ DECLARE broken record; BEGIN
      FOR broken IN SELECT conrelid::regclass AS target, conname FROM pg_constraint
        WHERE contype = 'c' AND conrelid <> 0 AND coninhcount = 0 AND connamespace = 'public'::regnamespace
      LOOP EXECUTE format('ALTER TABLE %s DROP CONSTRAINT %I', broken.target, broken.conname); END LOOP;
      FOR broken IN SELECT c.oid::regclass AS target, c.relname FROM pg_partitioned_table p JOIN pg_class c ON c.oid = p.partrelid
        WHERE p.partdefid = 0 AND c.relnamespace = 'public'::regnamespace
      LOOP EXECUTE format('CREATE TABLE %I PARTITION OF %s DEFAULT', broken.relname || '_default', broken.target); END LOOP;
      PERFORM close_partitions();
    END $$`.simple();
}

/** One row of the organization in each of the tables that belong to organizations. */
export async function seed(db: Database, tables: readonly SeededTable[], orgId: string): Promise<void> {
  const isPartition = new Set((await db.sql<{ name: string }[]>`
    SELECT format('%I.%I', relnamespace::regnamespace, relname) AS name FROM pg_class WHERE relispartition`).map(({ name }) => name));
  const inserts = tables.filter(({ orgColumn, name }) => orgColumn !== null && !isPartition.has(name)).map((table) => insertOf(table, orgId));
  await db.sql.unsafe(`SET LOCAL session_replication_role = replica; ${inserts.join(';\n')}`);
}

/** `mark` goes into every text, so that no two rows are the same and each can be found in whatever is read. */
export function insertOf({ name, columns, orgColumn }: SeededTable, orgId: string, mark = ''): string {
  const values = columns.map((column) => (column.name === orgColumn ? `'${orgId}'` : valueOf(column.type, `${orgId}${mark}`)));
  return `INSERT INTO ${name} (${columns.map((column) => `"${column.name}"`).join(', ')}) VALUES (${values.join(', ')})`;
}

function valueOf(type: string, text: string): string {
  if (type.endsWith('[]')) return `'{}'`;
  if (type === 'text' || type.startsWith('character')) return `'${text}'`;
  if (type === 'jsonb' || type === 'json') return `'{"of": "${text}"}'`;
  if (type === 'boolean') return 'false';
  if (type === 'bytea') return `'\\x00'`;
  if (type.startsWith('timestamp')) return 'now()';
  if (type === 'date') return 'current_date';
  if (type === 'uuid') return 'gen_random_uuid()';
  return '1';
}

/** All rows of an organization, table by table, as text: what must not change. */
export async function rowsOf(db: Database, tables: readonly SeededTable[], orgId: string): Promise<Record<string, string[]>> {
  const owned = tables.filter(({ orgColumn }) => orgColumn !== null);
  const entries = await Promise.all(owned.map(async ({ name, orgColumn }) => {
    const rows = await db.sql.unsafe<{ row: string }[]>(`SELECT t::text AS row FROM ${name} t WHERE "${orgColumn}" = '${orgId}' ORDER BY 1`);
    return [name, rows.map(({ row }) => row)] as const;
  }));
  return Object.fromEntries(entries);
}
