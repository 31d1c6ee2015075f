import { BullpenError, type Secret } from '@bullpen/core';

import type { Database } from '../database.ts';
import { postgresCodeOf, reaching, reading } from '../postgres-errors.ts';
import type { SealedSecret } from '../secrets/envelope.ts';

const FOREIGN_KEY_VIOLATION = '23503';

/**
 * By primary key. What is sealed is not taken from `excluded`: that would be reading it, which the tenant's role may not.
 * @throws BullpenError NOT_FOUND (the organization).
 */
export async function putSecret(db: Database, orgId: string, name: string, sealed: SealedSecret): Promise<Secret> {
  try {
    const [put] = await reaching(() => db.sql<Secret[]>`
      INSERT INTO secrets (org_id, name, key_id, wrapped_key, sealed_value)
      VALUES (${orgId}, ${name}, ${sealed.keyId}, ${sealed.wrappedKey}, ${sealed.sealedValue})
      ON CONFLICT (org_id, name) DO UPDATE SET
        version = secrets.version + 1, key_id = ${sealed.keyId}, wrapped_key = ${sealed.wrappedKey}, sealed_value = ${sealed.sealedValue}, updated_at = now()
      RETURNING name, version, created_at AS "createdAt", updated_at AS "updatedAt"`);
    if (put !== undefined) return put;
  } catch (error) {
    if (postgresCodeOf(error) !== FOREIGN_KEY_VIOLATION) throw error;
  }
  throw new BullpenError('NOT_FOUND', `no organization ${orgId}`, { orgId });
}

/** All of them, by name: by primary key. They are bounded per organization. */
export async function listSecrets(db: Database, orgId: string): Promise<Secret[]> {
  return reading(() => db.tenant(orgId, ({ sql }) => sql<Secret[]>`
    SELECT name, version, created_at AS "createdAt", updated_at AS "updatedAt" FROM secrets WHERE org_id = ${orgId} ORDER BY name`));
}

/** By primary key. */
export async function countOtherSecrets(db: Database, orgId: string, name: string): Promise<number> {
  const [counted] = await reading(() => db.tenant(orgId, ({ sql }) => sql<{ count: number }[]>`
    SELECT count(*)::integer AS count FROM secrets WHERE org_id = ${orgId} AND name <> ${name}`));
  return counted?.count ?? 0;
}

/** By primary key. @throws BullpenError SECRET_NOT_FOUND */
export async function deleteSecret(db: Database, orgId: string, name: string): Promise<void> {
  const gone = await reaching(() => db.sql`DELETE FROM secrets WHERE org_id = ${orgId} AND name = ${name} RETURNING 1`);
  if (gone.length === 0) throw new BullpenError('SECRET_NOT_FOUND', `no secret ${name}`, { name });
}
