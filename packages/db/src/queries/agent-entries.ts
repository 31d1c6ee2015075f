import { BullpenError, KV_BOUNDS, type KvEntry, type KvPage } from '@bullpen/core';

import type { Database } from '../database.ts';
import { reaching, reading } from '../postgres-errors.ts';

/** Entries of `ctx.kv`. They belong to one agent of one organization; all statements go by the primary key. */
export interface EntryOwner {
  readonly orgId: string;
  readonly agent: string;
}

export async function getEntry(db: Database, { orgId, agent }: EntryOwner, key: string): Promise<KvEntry | null> {
  const [found] = await reading(() => db.tenant(orgId, ({ sql }) => sql<KvEntry[]>`
    SELECT key, value, revision FROM agent_entries WHERE org_id = ${orgId} AND agent = ${agent} AND key = ${key}`));
  return found ?? null;
}

type SetOutcome = { outcome: 'set' | 'conflict' | 'full'; revision: number };

/**
 * Sets an entry, in turn with all others of its agent.
 * @returns the new revision. @throws BullpenError KV_CONFLICT, KV_LIMIT
 */
export async function setEntry(db: Database, { orgId, agent }: EntryOwner, entry: { key: string; valueJson: string; ifRevision?: number | undefined }): Promise<number> {
  const { key, valueJson, ifRevision } = entry;
  const bytes = Buffer.byteLength(key) + Buffer.byteLength(valueJson);
  const [result] = await reaching(() => db.sql<SetOutcome[]>`
    SELECT outcome, revision FROM set_agent_entry(${orgId}, ${agent}, ${key}, ${valueJson}::text::jsonb, ${bytes}::integer, ${ifRevision ?? null}::bigint,
      ${KV_BOUNDS.entriesPerAgent}::integer, ${KV_BOUNDS.bytesPerAgent}::bigint)`);
  if (result?.outcome === 'set') return result.revision;
  if (result?.outcome === 'conflict') throw conflict(key, result.revision, ifRevision);
  throw new BullpenError('KV_LIMIT', `the entries of ${agent} would be more than ${KV_BOUNDS.entriesPerAgent}, or more than ${KV_BOUNDS.bytesPerAgent} bytes`, { key });
}

/** @returns whether there was one. @throws BullpenError KV_CONFLICT */
export async function deleteEntry(db: Database, { orgId, agent }: EntryOwner, entry: { key: string; ifRevision?: number | undefined }): Promise<boolean> {
  const { key, ifRevision } = entry;
  const [result] = await reaching(() => db.sql<{ deleted: number; found: number | null }[]>`
    WITH found AS (SELECT revision FROM agent_entries WHERE org_id = ${orgId} AND agent = ${agent} AND key = ${key}),
    deleted AS (
      DELETE FROM agent_entries WHERE org_id = ${orgId} AND agent = ${agent} AND key = ${key}
        AND (${ifRevision ?? null}::bigint IS NULL OR revision = ${ifRevision ?? null}::bigint) RETURNING 1)
    SELECT (SELECT count(*)::integer FROM deleted) AS deleted, (SELECT revision FROM found) AS found`);
  if (result?.deleted === 1) return true;
  if (ifRevision !== undefined && (result?.found ?? 0) !== ifRevision) throw conflict(key, result?.found ?? 0, ifRevision);
  return false;
}

/** Entries by key, in the order of its bytes; a page ends with `limit` entries or the one that reaches `pageBytes`. */
export async function listEntries(db: Database, { orgId, agent }: EntryOwner, page: { prefix: string; after: string | null; limit: number }): Promise<KvPage> {
  const { prefix, after, limit } = page;
  const rows = await reading(() => db.tenant(orgId, ({ sql }) => sql<(KvEntry & { total: number })[]>`
    SELECT key, value, revision, total FROM (
      SELECT key, value, revision, count(*) OVER ()::integer AS total, sum(bytes) OVER (ORDER BY key) - bytes AS bytes_before, row_number() OVER (ORDER BY key) AS number
      FROM (
        SELECT key, value, revision, bytes FROM agent_entries
        WHERE org_id = ${orgId} AND agent = ${agent} AND starts_with(key, ${prefix}) AND key > ${after ?? ''} ORDER BY key LIMIT ${limit + 1}
      ) AS candidates
    ) AS counted
    WHERE number <= ${limit} AND bytes_before < ${KV_BOUNDS.pageBytes} ORDER BY key`));
  const entries = rows.map(({ key, value, revision }) => ({ key, value, revision }));
  const hasMore = rows.length < (rows[0]?.total ?? 0);
  return { entries, next: hasMore ? (entries.at(-1)?.key ?? null) : null };
}

function conflict(key: string, found: number, expected: number | undefined): BullpenError {
  return new BullpenError('KV_CONFLICT', `the entry ${key} has revision ${found}, not ${expected}`, { key, found });
}
