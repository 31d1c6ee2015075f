import type { KeyRole } from '@bullpen/core';

import type { Database } from '../database.ts';
import { reaching, reading } from '../postgres-errors.ts';

/** Who holds a key, as authentication needs it. */
export interface KeyHolder {
  id: string;
  /** Null: a platform admin. */
  orgId: string | null;
  name: string;
  role: KeyRole;
  /** ISO 8601; null: never. */
  expiresAt: string | null;
}

/**
 * The key with this hash, by the index api_keys_secret_hash: unscoped, since it is what says the organization. Null where
 * there is none, or it was revoked or has expired.
 */
export async function adminFindKeyByHash(db: Database, secretHash: string): Promise<KeyHolder | null> {
  const [key] = await reading(() => db.sql<KeyHolder[]>`
    SELECT id, org_id AS "orgId", name, role, expires_at AS "expiresAt" FROM api_keys
    WHERE secret_hash = ${secretHash} AND revoked_at IS NULL AND (expires_at IS NULL OR expires_at > now())`);
  return key ?? null;
}

/** Notes that a key is in use, at most once a minute: by primary key. */
export async function adminTouchKey(db: Database, id: string): Promise<void> {
  await reaching(() => db.sql`
    UPDATE api_keys SET last_used_at = now()
    WHERE id = ${id} AND (last_used_at IS NULL OR last_used_at < now() - interval '1 minute')`);
}
