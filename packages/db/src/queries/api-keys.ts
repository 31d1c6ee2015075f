import { BullpenError, type ApiKey, type KeyRole } from '@bullpen/core';
import { and, desc, eq, isNull, lt, sql } from 'drizzle-orm';

import { decodeCursor, toPage } from '../cursor.ts';
import type { Database } from '../database.ts';
import { postgresCodeOf, reaching, reading } from '../postgres-errors.ts';
import { apiKeys } from '../schema.ts';
import type { Page, PageRequest } from './list-agents.ts';

export interface NewApiKey {
  id: string;
  /** Null for the role `admin`, and only for it. */
  orgId: string | null;
  name: string;
  role: KeyRole;
  /** Hex sha256 of the secret. */
  secretHash: string;
  /** How the secret begins. */
  prefix?: string;
  createdBy?: string | null;
  rotatedFrom?: string | null;
  /** ISO 8601; never where left out. */
  expiresAt?: string | null;
  /** ISO 8601; now where left out. */
  createdAt?: string;
}

const UNIQUE_VIOLATION = '23505';
const FOREIGN_KEY_VIOLATION = '23503';

const COLUMNS = {
  id: apiKeys.id, orgId: sql<string>`${apiKeys.orgId}`, name: apiKeys.name, role: apiKeys.role, prefix: apiKeys.prefix, createdAt: apiKeys.createdAt,
  createdBy: apiKeys.createdBy, rotatedFrom: apiKeys.rotatedFrom, expiresAt: apiKeys.expiresAt, revokedAt: apiKeys.revokedAt, lastUsedAt: apiKeys.lastUsedAt,
};

/** @throws BullpenError ALREADY_EXISTS (its id or its secret), NOT_FOUND (its organization). */
export async function insertApiKey(db: Database, key: NewApiKey): Promise<ApiKey> {
  try {
    const [inserted] = await reaching(() => db.orm.insert(apiKeys).values(key).returning(COLUMNS));
    return inserted as ApiKey;
  } catch (error) {
    const code = postgresCodeOf(error);
    if (code === UNIQUE_VIOLATION) throw new BullpenError('ALREADY_EXISTS', 'this key exists already', { id: key.id }, { cause: error });
    if (code === FOREIGN_KEY_VIOLATION) throw new BullpenError('NOT_FOUND', `no organization ${key.orgId}`, { orgId: key.orgId }, { cause: error });
    throw error;
  }
}

/** By primary key. @throws BullpenError NOT_FOUND. */
export async function getApiKey(db: Database, orgId: string, id: string): Promise<ApiKey> {
  const [key] = await reading(() => db.tenant(orgId, ({ orm }) => orm.select(COLUMNS).from(apiKeys)
    .where(and(eq(apiKeys.id, id), eq(apiKeys.orgId, orgId)))));
  if (!key) throw noKey(id);
  return key;
}

/** Keys of an organization, newest first, the revoked and expired among them: index api_keys_of_org. */
export async function listApiKeys(db: Database, orgId: string, { limit, cursor }: PageRequest): Promise<Page<ApiKey>> {
  const before = cursor === undefined ? undefined : lt(apiKeys.id, decodeCursor('keys', cursor, 'text')[0]);
  const rows = await reading(() => db.tenant(orgId, ({ orm }) => orm.select(COLUMNS).from(apiKeys)
    .where(and(eq(apiKeys.orgId, orgId), before)).orderBy(desc(apiKeys.id)).limit(limit + 1)));
  return toPage('keys', rows, limit, (row) => [row.id], (row) => row);
}

/** Takes a key away; one that is gone already stays as it is. @throws BullpenError NOT_FOUND. */
export async function revokeApiKey(db: Database, orgId: string, id: string): Promise<ApiKey> {
  await reaching(() => db.orm.update(apiKeys).set({ revokedAt: sql`now()` })
    .where(and(eq(apiKeys.id, id), eq(apiKeys.orgId, orgId), isNull(apiKeys.revokedAt))));
  return getApiKey(db, orgId, id);
}

/**
 * Puts `next` in the place of a key that works, which goes on working until `oldExpiresAt` at most: one statement. A `next` without an expiry of its own
 * expires when the old one would have: a key that was given for a while does not become one for ever.
 * @throws BullpenError NOT_FOUND (no such key, or it does not work any more).
 */
export async function rotateApiKey(db: Database, orgId: string, id: string, next: NewApiKey, oldExpiresAt: string): Promise<ApiKey> {
  const [inserted] = await reaching(() => db.sql<ApiKey[]>`
    WITH old AS (
      SELECT id, expires_at FROM api_keys
      WHERE id = ${id} AND org_id = ${orgId} AND revoked_at IS NULL AND (expires_at IS NULL OR expires_at > now())
      FOR UPDATE
    ), shortened AS (
      UPDATE api_keys SET expires_at = least(old.expires_at, ${oldExpiresAt}::timestamptz) FROM old WHERE api_keys.id = old.id
    )
    INSERT INTO api_keys (id, org_id, name, role, secret_hash, prefix, created_by, rotated_from, expires_at, created_at)
    SELECT ${next.id}, ${orgId}, ${next.name}, ${next.role}, ${next.secretHash}, ${next.prefix ?? ''}, ${next.createdBy ?? null}, old.id,
      coalesce(${next.expiresAt ?? null}::timestamptz, old.expires_at), coalesce(${next.createdAt ?? null}::timestamptz, now())
    FROM old
    RETURNING id, org_id AS "orgId", name, role, prefix, created_at AS "createdAt", created_by AS "createdBy", rotated_from AS "rotatedFrom",
      expires_at AS "expiresAt", revoked_at AS "revokedAt", last_used_at AS "lastUsedAt"`);
  if (!inserted) throw noKey(id);
  return inserted;
}

function noKey(id: string): BullpenError {
  return new BullpenError('NOT_FOUND', `no key ${id} that works`, { id });
}
