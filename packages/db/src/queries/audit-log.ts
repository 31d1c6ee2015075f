import type { AuditEntry, ListAudit } from '@bullpen/core';

import { decodeCursor, toPage } from '../cursor.ts';
import type { Database } from '../database.ts';
import { givenStatement, type GivenColumn } from '../given-rows.ts';
import { reading } from '../postgres-errors.ts';
import type { Statements } from '../tenant-lanes.ts';
import type { Page } from './list-agents.ts';

/** An entry with the JSON that is kept of it. */
export interface AuditRow {
  readonly entry: AuditEntry;
  readonly beforeJson: string | null;
  readonly afterJson: string | null;
}

export function auditRow(entry: AuditEntry): AuditRow {
  return { entry, beforeJson: jsonOf(entry.before), afterJson: jsonOf(entry.after) };
}

function jsonOf(value: unknown): string | null {
  return value === null || value === undefined ? null : JSON.stringify(value);
}

const COLUMNS: readonly GivenColumn<AuditRow>[] = [
  ['id', 'text', ({ entry }) => entry.id],
  ['org_id', 'text', ({ entry }) => entry.orgId],
  ['at', 'timestamptz', ({ entry }) => entry.at],
  ['action', 'text', ({ entry }) => entry.action],
  ['target', 'text', ({ entry }) => entry.target],
  ['key_id', 'text', ({ entry }) => entry.keyId],
  ['role', 'text', ({ entry }) => entry.role],
  ['request_id', 'text', ({ entry }) => entry.requestId],
  ['before', 'text', ({ beforeJson }) => beforeJson],
  ['after', 'text', ({ afterJson }) => afterJson],
];

const insertWith = (synchronousCommit: 'on' | 'off') => givenStatement<AuditRow, never>(COLUMNS, (given) => `
  WITH commit AS MATERIALIZED (SELECT set_config('synchronous_commit', '${synchronousCommit}', true))
  INSERT INTO audit_log (id, org_id, at, action, target, key_id, role, request_id, before, after)
  SELECT id, org_id, at, action, target, key_id, role, request_id, before::jsonb, after::jsonb
  FROM ${given}, commit
  ON CONFLICT DO NOTHING`, { plansBySize: false });

const insertKept = insertWith('on');
const insertLater = insertWith('off');

/**
 * Adds entries; one whose id is there already (a write whose answer was lost) is left as it is.
 * @param options - `waitsForDisk` false: the commit does not, and a crash of Postgres may take the last entries back
 */
export async function insertAuditRows(db: Database, rows: readonly AuditRow[], { waitsForDisk }: { waitsForDisk: boolean }): Promise<void> {
  await (waitsForDisk ? insertKept : insertLater)(db, rows);
}

/** The same for entries as they come. */
export async function insertAuditEntries(db: Database, entries: readonly AuditEntry[], options: { waitsForDisk: boolean }): Promise<void> {
  await insertAuditRows(db, entries.map(auditRow), options);
}

/** Writes to an organization (null: to the platform itself), newest first: index audit_log_newest, read backwards. */
export async function listAuditEntries(db: Database, orgId: string | null, query: ListAudit): Promise<Page<AuditEntry>> {
  const { action, target, keyId, since, until, cursor, limit } = query;
  const before = cursor === undefined ? null : decodeCursor('audit', cursor, 'text')[0];
  const read = ({ sql }: Statements) => sql<AuditEntry[]>`
    SELECT id, org_id AS "orgId", at, action, target, key_id AS "keyId", role, request_id AS "requestId", before, after
    FROM audit_log
    WHERE ${orgId === null ? sql`org_id IS NULL` : sql`org_id = ${orgId}`}
      ${action === undefined ? sql`` : sql`AND action = ${action}`}
      ${target === undefined ? sql`` : sql`AND target = ${target}`}
      ${keyId === undefined ? sql`` : sql`AND key_id = ${keyId}`}
      ${since === undefined ? sql`` : sql`AND at >= ${since}::timestamptz`}
      ${until === undefined ? sql`` : sql`AND at < ${until}::timestamptz`}
      ${before === null ? sql`` : sql`AND id < ${before}`}
    ORDER BY id DESC LIMIT ${limit + 1}`;
  const rows = await reading(() => (orgId === null ? read(db).then() : db.tenant(orgId, read)));
  return toPage('audit', rows, limit, (row) => [row.id], (row) => row);
}
