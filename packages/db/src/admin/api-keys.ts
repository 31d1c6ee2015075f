import type { KeyRole } from '@bullpen/core';

import type { Database } from '../database.ts';
import { reading } from '../postgres-errors.ts';

export interface ApiKey {
  id: string;
  /** Null: a platform admin. */
  orgId: string | null;
  name: string;
  role: KeyRole;
}

/** The key with this hash, by the index api_keys_secret_hash: unscoped, since it is what says the organization. */
export async function adminFindKeyByHash(db: Database, secretHash: string): Promise<ApiKey | null> {
  const [key] = await reading(() => db.sql<ApiKey[]>`
    SELECT id, org_id AS "orgId", name, role FROM api_keys WHERE secret_hash = ${secretHash}`);
  return key ?? null;
}
