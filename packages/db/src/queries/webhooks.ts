import { BullpenError, WEBHOOK_BOUNDS, type ChangeWebhook, type CreateWebhook, type Webhook } from '@bullpen/core';

import { arrayLiteral, timeText } from '../array-literal.ts';
import type { Database } from '../database.ts';
import { reaching, reading } from '../postgres-errors.ts';
import type { NewSigningSecret } from '../secrets/signing-secrets.ts';

const COLUMNS = `id, org_id AS "orgId", url, description, event_types AS "eventTypes", alert_rule_id AS "alertRuleId", failing_since AS "failingSince",
  disabled_at AS "disabledAt", disabled_reason AS "disabledReason", created_at AS "createdAt", updated_at AS "updatedAt"`;

/** Every other reason is Bullpen's. */
export const DISABLED_BY_OWNER = 'by its owner';

/** Postgres' arrays come as text, since no connection reads the catalog for their types. */
type WebhookRow = Omit<Webhook, 'eventTypes'> & { eventTypes: string };
const SELECTED = COLUMNS.replace('event_types AS', 'array_to_string(event_types, \',\') AS');

/** With its secret, in one statement. @throws BullpenError LIMIT_EXCEEDED */
export async function insertWebhook(db: Database, orgId: string, id: string, webhook: CreateWebhook, secret: NewSigningSecret): Promise<Webhook> {
  const most = WEBHOOK_BOUNDS.perOrganization;
  const [row] = await reaching(() => db.sql<WebhookRow[]>`
    WITH made AS (
      INSERT INTO webhooks (id, org_id, url, description, event_types)
      SELECT ${id}, ${orgId}, ${webhook.url}, ${webhook.description}, ${arrayLiteral(webhook.eventTypes)}::text[]
      WHERE (SELECT count(*) FROM webhooks WHERE org_id = ${orgId} AND alert_rule_id IS NULL) < ${most}
      RETURNING *
    ), signing AS (
      INSERT INTO signing_secrets (id, org_id, webhook_id, key_id, wrapped_key, sealed_value)
      SELECT ${secret.id}, org_id, id, ${secret.keyId}, ${secret.wrappedKey}::bytea, ${secret.sealedValue}::bytea FROM made
    )
    SELECT ${db.sql.unsafe(SELECTED)} FROM made`);
  if (row === undefined) throw new BullpenError('LIMIT_EXCEEDED', `the organization has ${most} webhooks already`, { most });
  return webhookOf(row);
}

/** All of them, oldest first: they are bounded. By the index webhooks_in_org. */
export async function listWebhooks(db: Database, orgId: string): Promise<Webhook[]> {
  const rows = await reading(() => db.tenant(orgId, ({ sql }) => sql<WebhookRow[]>`
    SELECT ${sql.unsafe(SELECTED)} FROM webhooks WHERE org_id = ${orgId} ORDER BY id LIMIT 1000`));
  return rows.map(webhookOf);
}

/** By webhooks_in_org. @throws BullpenError NOT_FOUND */
export async function getWebhook(db: Database, orgId: string, id: string): Promise<Webhook> {
  const [row] = await reading(() => db.tenant(orgId, ({ sql }) => sql<WebhookRow[]>`
    SELECT ${sql.unsafe(SELECTED)} FROM webhooks WHERE org_id = ${orgId} AND id = ${id}`));
  return webhookOf(row);
}

/** Enabling it forgets what it failed at; disabling it gives up what waits. @throws BullpenError NOT_FOUND */
export async function changeWebhook(db: Database, orgId: string, id: string, change: ChangeWebhook, nowMs: number): Promise<Webhook> {
  const { url, description, eventTypes, enabled } = change;
  const now = timeText(nowMs);
  const disables = enabled === false;
  const [row] = await reaching(() => db.sql<WebhookRow[]>`
    WITH changed AS (
      UPDATE webhooks SET
        url = coalesce(${url ?? null}, url), description = coalesce(${description ?? null}, description),
        event_types = coalesce(${eventTypes === undefined ? null : arrayLiteral(eventTypes)}::text[], event_types),
        disabled_at = CASE ${enabled ?? null}::boolean WHEN true THEN NULL WHEN false THEN coalesce(disabled_at, ${now}::timestamptz) ELSE disabled_at END,
        disabled_reason = CASE ${enabled ?? null}::boolean WHEN true THEN NULL WHEN false THEN coalesce(disabled_reason, ${DISABLED_BY_OWNER}) ELSE disabled_reason END,
        failing_since = CASE WHEN ${enabled ?? false}::boolean OR ${url ?? null}::text <> url THEN NULL ELSE failing_since END,
        updated_at = ${now}::timestamptz
      WHERE org_id = ${orgId} AND id = ${id} RETURNING *
    ), given_up AS (
      UPDATE webhook_deliveries d SET state = 'failed', next_at = NULL, finished_at = ${now}::timestamptz
      FROM changed c WHERE ${disables}::boolean AND d.webhook_id = c.id AND d.state = 'pending'
    )
    SELECT ${db.sql.unsafe(SELECTED)} FROM changed`);
  return webhookOf(row);
}

/** With its deliveries. @throws BullpenError NOT_FOUND */
export async function deleteWebhook(db: Database, orgId: string, id: string): Promise<void> {
  const gone = await reaching(() => db.sql`DELETE FROM webhooks WHERE org_id = ${orgId} AND id = ${id} RETURNING 1`);
  if (gone.length === 0) throw noWebhook();
}

/** A new secret beside the one before, which is good until `overlapUntilMs`; any older one ends at once. @throws BullpenError NOT_FOUND */
export async function rotateWebhookSecret(db: Database, orgId: string, id: string, secret: NewSigningSecret, overlapUntilMs: number): Promise<void> {
  const made = await reaching(() => db.sql`
    WITH owner AS (SELECT id, org_id FROM webhooks WHERE org_id = ${orgId} AND id = ${id} FOR UPDATE), before AS (
      UPDATE signing_secrets s SET expires_at = ${timeText(overlapUntilMs)}::timestamptz FROM owner WHERE s.webhook_id = owner.id AND s.expires_at IS NULL
    ), oldest AS (
      DELETE FROM signing_secrets s USING owner WHERE s.webhook_id = owner.id AND s.expires_at IS NOT NULL
    )
    INSERT INTO signing_secrets (id, org_id, webhook_id, key_id, wrapped_key, sealed_value)
    SELECT ${secret.id}, org_id, id, ${secret.keyId}, ${secret.wrappedKey}::bytea, ${secret.sealedValue}::bytea FROM owner RETURNING 1`);
  if (made.length === 0) throw noWebhook();
}

function webhookOf(row: WebhookRow | undefined): Webhook {
  if (row === undefined) throw noWebhook();
  return { ...row, eventTypes: row.eventTypes.split(',') as Webhook['eventTypes'] };
}

export function noWebhook(): BullpenError {
  return new BullpenError('NOT_FOUND', 'there is no such webhook');
}
