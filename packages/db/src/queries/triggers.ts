import { BullpenError, TRIGGER_BOUNDS, type ChangeTrigger, type CreateTrigger, type Trigger } from '@bullpen/core';
import type postgres from 'postgres';

import { timeText } from '../array-literal.ts';
import type { Database } from '../database.ts';
import { postgresCodeOf, reaching, reading } from '../postgres-errors.ts';
import type { NewSigningSecret } from '../secrets/signing-secrets.ts';

export const TRIGGER_COLUMNS = `id, org_id AS "orgId", name, run, scheme, input, event_id_at AS "eventIdAt", enabled, last_event_at AS "lastEventAt",
  created_at AS "createdAt", updated_at AS "updatedAt"`;
const UNIQUE_VIOLATION = '23505';

/** What a new trigger is, besides what was asked for. */
export interface NewTriggerParts {
  id: string;
  tokenHash: string;
  /** Null: it needs none. */
  secret: NewSigningSecret | null;
}

/** @throws BullpenError ALREADY_EXISTS, LIMIT_EXCEEDED */
export async function insertTrigger(db: Database, orgId: string, asked: CreateTrigger, { id, tokenHash, secret }: NewTriggerParts): Promise<Trigger> {
  const { sql } = db;
  const most = TRIGGER_BOUNDS.perOrganization;
  try {
    const [made] = await reaching(() => sql<Trigger[]>`
      WITH made AS (
        INSERT INTO triggers (id, org_id, name, run, scheme, input, event_id_at, token_hash)
        SELECT ${id}, ${orgId}, ${asked.name}, ${JSON.stringify(asked.run)}::text::jsonb, ${asked.scheme}, ${JSON.stringify(asked.input)}::text::jsonb, ${asked.eventIdAt}, ${tokenHash}
        WHERE (SELECT count(*) FROM triggers WHERE org_id = ${orgId}) < ${most}
        RETURNING *
      )${secret === null ? sql`` : sql`, signing AS (${insertSecret(sql, secret, sql`made`)})`}
      SELECT ${sql.unsafe(TRIGGER_COLUMNS)} FROM made`);
    if (made !== undefined) return made;
  } catch (error) {
    if (postgresCodeOf(error) === UNIQUE_VIOLATION) throw new BullpenError('ALREADY_EXISTS', `there is a trigger ${asked.name} already`, { name: asked.name });
    throw error;
  }
  throw new BullpenError('LIMIT_EXCEEDED', `the organization has ${most} triggers already`, { most });
}

/** By name: they are bounded. Index triggers_name. */
export async function listTriggers(db: Database, orgId: string): Promise<Trigger[]> {
  const rows = await reading(() => db.tenant(orgId, ({ sql }) => sql<Trigger[]>`
    SELECT ${sql.unsafe(TRIGGER_COLUMNS)} FROM triggers WHERE org_id = ${orgId} ORDER BY name LIMIT 1000`));
  return [...rows];
}

/** Index triggers_name. @throws BullpenError NOT_FOUND */
export async function getTrigger(db: Database, orgId: string, name: string): Promise<Trigger> {
  const [found] = await reading(() => db.tenant(orgId, ({ sql }) => sql<Trigger[]>`
    SELECT ${sql.unsafe(TRIGGER_COLUMNS)} FROM triggers WHERE org_id = ${orgId} AND name = ${name}`));
  return found ?? notThere(name);
}

/** @throws BullpenError NOT_FOUND */
export async function changeTrigger(db: Database, orgId: string, name: string, change: ChangeTrigger, nowMs: number): Promise<Trigger> {
  const { run, enabled } = change;
  const { sql } = db;
  const [changed] = await reaching(() => sql<Trigger[]>`
    UPDATE triggers SET
      run = coalesce(${run === undefined ? null : JSON.stringify(run)}::text::jsonb, run), enabled = coalesce(${enabled ?? null}::boolean, enabled),
      input = ${'input' in change ? sql`${JSON.stringify(change.input)}::text::jsonb` : sql`input`},
      event_id_at = ${change.eventIdAt === undefined ? sql`event_id_at` : sql`${change.eventIdAt}`}, updated_at = ${timeText(nowMs)}::timestamptz
    WHERE org_id = ${orgId} AND name = ${name} RETURNING ${sql.unsafe(TRIGGER_COLUMNS)}`);
  return changed ?? notThere(name);
}

/** @throws BullpenError NOT_FOUND */
export async function deleteTrigger(db: Database, orgId: string, name: string): Promise<void> {
  const gone = await reaching(() => db.sql`DELETE FROM triggers WHERE org_id = ${orgId} AND name = ${name} RETURNING 1`);
  if (gone.length === 0) notThere(name);
}

/** Another address; the one before is good until then. @throws BullpenError NOT_FOUND */
export async function rotateTriggerToken(db: Database, orgId: string, name: string, tokenHash: string, overlapUntilMs: number): Promise<void> {
  const moved = await reaching(() => db.sql`
    UPDATE triggers SET previous_token_hash = token_hash, previous_token_until = ${timeText(overlapUntilMs)}::timestamptz, token_hash = ${tokenHash}, updated_at = now()
    WHERE org_id = ${orgId} AND name = ${name} RETURNING 1`);
  if (moved.length === 0) notThere(name);
}

/** Another secret; the one before is good until then, any older one no longer. @throws BullpenError NOT_FOUND */
export async function rotateTriggerSecret(db: Database, orgId: string, name: string, secret: NewSigningSecret, overlapUntilMs: number): Promise<void> {
  const { sql } = db;
  const made = await reaching(() => sql`
    WITH owner AS (UPDATE triggers SET updated_at = now() WHERE org_id = ${orgId} AND name = ${name} RETURNING id, org_id), before AS (
      UPDATE signing_secrets s SET expires_at = ${timeText(overlapUntilMs)}::timestamptz FROM owner WHERE s.trigger_id = owner.id AND s.expires_at IS NULL
    ), oldest AS (
      DELETE FROM signing_secrets s USING owner WHERE s.trigger_id = owner.id AND s.expires_at IS NOT NULL
    ) ${insertSecret(sql, secret, sql`owner`)} RETURNING 1`);
  if (made.length === 0) notThere(name);
}

function insertSecret(sql: postgres.Sql, secret: NewSigningSecret, owner: postgres.Fragment): postgres.Fragment {
  return sql`
    INSERT INTO signing_secrets (id, org_id, trigger_id, key_id, wrapped_key, sealed_value)
    SELECT ${secret.id}, org_id, id, ${secret.keyId}, ${secret.wrappedKey}::bytea, ${secret.sealedValue}::bytea FROM ${owner}`;
}

function notThere(name: string): never {
  throw new BullpenError('NOT_FOUND', `there is no trigger ${name}`, { name });
}
