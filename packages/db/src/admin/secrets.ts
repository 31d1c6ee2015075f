import type { Database } from '../database.ts';
import { reaching, reading } from '../postgres-errors.ts';
import type { SealedSecret, SecretRef } from '../secrets/envelope.ts';

type WrappedSecret = SecretRef & Omit<SealedSecret, 'sealedValue'>;

const PAGE = 500;

/** What is sealed, for the supervisor of a run: the tenant's own role may not read it. By primary key. */
export async function adminFindSecret(db: Database, { orgId, name }: SecretRef): Promise<SealedSecret | null> {
  const [found] = await reading(() => db.sql<SealedSecret[]>`
    SELECT key_id AS "keyId", wrapped_key AS "wrappedKey", sealed_value AS "sealedValue" FROM secrets WHERE org_id = ${orgId} AND name = ${name}`);
  return found ?? null;
}

/** Some of the secrets that are sealed under another master key than this one: a scan of the table, for a rotation. */
export async function adminListSecretsUnderOtherKeys(db: Database, keyId: string): Promise<WrappedSecret[]> {
  return reading(() => db.sql<WrappedSecret[]>`
    SELECT org_id AS "orgId", name, key_id AS "keyId", wrapped_key AS "wrappedKey" FROM secrets WHERE key_id <> ${keyId} ORDER BY org_id, name LIMIT ${PAGE}`);
}

/** By primary key; false where the secret was written or deleted meanwhile. */
export async function adminRewrapSecret(db: Database, before: WrappedSecret, after: Omit<SealedSecret, 'sealedValue'>): Promise<boolean> {
  const moved = await reaching(() => db.sql`
    UPDATE secrets SET key_id = ${after.keyId}, wrapped_key = ${after.wrappedKey}
    WHERE org_id = ${before.orgId} AND name = ${before.name} AND wrapped_key = ${before.wrappedKey} RETURNING 1`);
  return moved.length === 1;
}
