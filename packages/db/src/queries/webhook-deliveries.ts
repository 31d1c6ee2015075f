import { BullpenError, newId, type ListDeliveries, type WebhookDelivery, type WebhookDeliveryDetail, type WebhookDeliveryPage } from '@bullpen/core';

import { timeText } from '../array-literal.ts';
import { decodeCursor, toPage } from '../cursor.ts';
import type { Database } from '../database.ts';
import { reaching, reading } from '../postgres-errors.ts';
import { noWebhook } from './webhooks.ts';

export const DELIVERY_COLUMNS = `d.id, d.webhook_id AS "webhookId", d.event_id AS "eventId", d.event_type AS "eventType", d.state, d.attempts, d.history -> -1 AS last,
  d.next_at AS "nextAt", d.created_at AS "createdAt", d.finished_at AS "finishedAt"`;

/** Newest first: index webhook_deliveries_of_webhook. @throws BullpenError NOT_FOUND (the webhook). */
export async function listDeliveries(db: Database, orgId: string, webhookId: string, { state, cursor, limit }: ListDeliveries): Promise<WebhookDeliveryPage> {
  const before = cursor === undefined ? null : decodeCursor('deliveries', cursor, 'text')[0];
  const rows = await reading(() => db.tenant(orgId, async ({ sql }) => {
    const [known] = await sql`SELECT 1 FROM webhooks WHERE org_id = ${orgId} AND id = ${webhookId}`;
    if (known === undefined) throw noWebhook();
    return sql<WebhookDelivery[]>`
      SELECT ${sql.unsafe(DELIVERY_COLUMNS)} FROM webhook_deliveries d
      WHERE d.org_id = ${orgId} AND d.webhook_id = ${webhookId} ${before === null ? sql`` : sql`AND d.id < ${before}`} ${state === undefined ? sql`` : sql`AND d.state = ${state}`}
      ORDER BY d.id DESC LIMIT ${limit + 1}`;
  }));
  return toPage('deliveries', rows, limit, ({ id }) => [id], (row) => row);
}

/** By primary key. @throws BullpenError NOT_FOUND */
export async function getDelivery(db: Database, orgId: string, webhookId: string, id: string): Promise<WebhookDeliveryDetail> {
  const [row] = await reading(() => db.tenant(orgId, ({ sql }) => sql<WebhookDeliveryDetail[]>`
    SELECT ${sql.unsafe(DELIVERY_COLUMNS)}, d.history, d.payload FROM webhook_deliveries d WHERE d.id = ${id} AND d.org_id = ${orgId} AND d.webhook_id = ${webhookId}`));
  if (row === undefined) throw noDelivery();
  return row;
}

/**
 * Once more, from its first attempt, with the same `webhook-id`; one that waits is sent now.
 * @param orgId - null: the operator, who may send any of them again
 * @throws BullpenError NOT_FOUND, WEBHOOK_DISABLED
 */
export async function replayDelivery(db: Database, orgId: string | null, id: string, nowMs: number): Promise<WebhookDelivery> {
  const { sql } = db;
  const [row] = await reaching(() => sql<(WebhookDelivery & { isDisabled: boolean })[]>`
    UPDATE webhook_deliveries d SET
      state = CASE WHEN w.disabled_at IS NULL THEN 'pending' ELSE d.state END, attempts = CASE WHEN w.disabled_at IS NULL THEN 0 ELSE d.attempts END,
      next_at = CASE WHEN w.disabled_at IS NULL THEN ${timeText(nowMs)}::timestamptz ELSE d.next_at END,
      finished_at = CASE WHEN w.disabled_at IS NULL THEN NULL ELSE d.finished_at END
    FROM webhooks w WHERE d.id = ${id} AND w.id = d.webhook_id ${orgId === null ? sql`` : sql`AND d.org_id = ${orgId}`}
    RETURNING ${sql.unsafe(DELIVERY_COLUMNS)}, w.disabled_at IS NOT NULL AS "isDisabled"`);
  if (row === undefined) throw noDelivery();
  const { isDisabled, ...delivery } = row;
  if (isDisabled) throw disabled();
  return delivery;
}

/** Everything that was given up since then; how many. Index webhook_deliveries_failed. @throws BullpenError NOT_FOUND, WEBHOOK_DISABLED */
export async function replayFailedDeliveries(db: Database, orgId: string, webhookId: string, since: string, nowMs: number): Promise<number> {
  const { sql } = db;
  const [row] = await reaching(() => sql<{ isDisabled: boolean; replayed: number }[]>`
    WITH owner AS (SELECT id, disabled_at FROM webhooks WHERE org_id = ${orgId} AND id = ${webhookId}), replayed AS (
      UPDATE webhook_deliveries d SET state = 'pending', attempts = 0, next_at = ${timeText(nowMs)}::timestamptz, finished_at = NULL
      FROM owner WHERE owner.disabled_at IS NULL AND d.webhook_id = owner.id AND d.state = 'failed' AND d.finished_at >= ${since}::timestamptz RETURNING 1
    )
    SELECT owner.disabled_at IS NOT NULL AS "isDisabled", (SELECT count(*)::integer FROM replayed) AS replayed FROM owner`);
  if (row === undefined) throw noWebhook();
  if (row.isDisabled) throw disabled();
  return row.replayed;
}

/** An event of type `webhook.test`, for this webhook alone. @throws BullpenError NOT_FOUND, WEBHOOK_DISABLED */
export async function insertTestDelivery(db: Database, orgId: string, webhookId: string, nowMs: number): Promise<WebhookDelivery> {
  const { sql } = db;
  const at = new Date(nowMs).toISOString();
  const payload = { type: 'webhook.test', timestamp: at, data: { orgId, webhookId, message: 'a test, asked for by you' } };
  const [row] = await reaching(() => sql<(WebhookDelivery & { isDisabled: boolean })[]>`
    WITH owner AS (SELECT id, org_id, disabled_at FROM webhooks WHERE org_id = ${orgId} AND id = ${webhookId}), d AS (
      INSERT INTO webhook_deliveries AS d (id, org_id, webhook_id, event_id, event_type, payload, next_at, created_at)
      SELECT ${newId('delivery')}, org_id, id, ${newId('event')}, 'webhook.test', ${JSON.stringify(payload)}::text::jsonb, ${at}::timestamptz, ${at}::timestamptz
      FROM owner WHERE disabled_at IS NULL RETURNING *
    )
    SELECT ${sql.unsafe(DELIVERY_COLUMNS)}, owner.disabled_at IS NOT NULL AS "isDisabled" FROM owner LEFT JOIN d ON true`);
  if (row === undefined) throw noWebhook();
  const { isDisabled, ...delivery } = row;
  if (isDisabled) throw disabled();
  return delivery;
}

function noDelivery(): BullpenError {
  return new BullpenError('NOT_FOUND', 'there is no such delivery');
}

function disabled(): BullpenError {
  return new BullpenError('WEBHOOK_DISABLED', 'the webhook is disabled; enable it first');
}
