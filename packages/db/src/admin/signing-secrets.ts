import { arrayLiteral, timeText } from '../array-literal.ts';
import type { Database } from '../database.ts';
import { reaching, reading } from '../postgres-errors.ts';
import type { SealedSecret } from '../secrets/envelope.ts';

export interface SealedSigningSecret extends SealedSecret {
  id: string;
  orgId: string | null;
  /** Of a webhook or a trigger. */
  ownerId: string;
}

const PAGE = 500;
const COLUMNS = `id, org_id AS "orgId", coalesce(webhook_id, trigger_id) AS "ownerId", key_id AS "keyId", wrapped_key AS "wrappedKey", sealed_value AS "sealedValue"`;

/** Those that are good at `nowMs`, the newest of each owner first. Indexes signing_secrets_of_webhook, signing_secrets_of_trigger. */
export async function adminReadSigningSecrets(db: Database, ownerIds: readonly string[], nowMs: number): Promise<SealedSigningSecret[]> {
  const owners = arrayLiteral(ownerIds);
  const rows = await reading(() => db.sql<SealedSigningSecret[]>`
    SELECT ${db.sql.unsafe(COLUMNS)} FROM signing_secrets
    WHERE (webhook_id = ANY (${owners}::text[]) OR trigger_id = ANY (${owners}::text[])) AND (expires_at IS NULL OR expires_at > ${timeText(nowMs)}::timestamptz)
    ORDER BY id DESC`);
  return [...rows];
}

/** A scan of the table, for a rotation of the master key. */
export async function adminListSigningSecretsUnderOtherKeys(db: Database, keyId: string): Promise<SealedSigningSecret[]> {
  const rows = await reading(() => db.sql<SealedSigningSecret[]>`
    SELECT ${db.sql.unsafe(COLUMNS)} FROM signing_secrets WHERE key_id <> ${keyId} ORDER BY id LIMIT ${PAGE}`);
  return [...rows];
}

/** By primary key; false where it is gone, or was sealed anew meanwhile. */
export async function adminReplaceSealedSigningSecret(db: Database, before: SealedSigningSecret, sealed: SealedSecret): Promise<boolean> {
  const moved = await reaching(() => db.sql`
    UPDATE signing_secrets SET key_id = ${sealed.keyId}, wrapped_key = ${sealed.wrappedKey}, sealed_value = ${sealed.sealedValue}
    WHERE id = ${before.id} AND key_id = ${before.keyId} RETURNING 1`);
  return moved.length === 1;
}
