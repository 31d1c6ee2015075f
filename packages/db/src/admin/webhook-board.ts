import type { OperatorDelivery, WebhookBoard, WebhookHealth } from '@bullpen/core';

import { timeText } from '../array-literal.ts';
import type { Database } from '../database.ts';
import { reading } from '../postgres-errors.ts';
import { DELIVERY_COLUMNS } from '../queries/webhook-deliveries.ts';

const MOST_ENDPOINTS = 200;
const MOST_DELIVERIES = 50;
const MOST_COUNTED = 1000;
const DAY_MS = 86_400_000;

/**
 * Webhooks of all organizations, those in trouble first, and the latest deliveries that did not arrive. Counts stop at a thousand, so that
 * each endpoint costs three short walks of an index: webhook_deliveries_pending, webhook_deliveries_failed.
 */
export async function adminReadWebhookBoard(db: Database, nowMs: number): Promise<WebhookBoard> {
  const [endpoints, deliveries] = await Promise.all([readEndpoints(db, nowMs), readTroubled(db, nowMs)]);
  return { endpoints, deliveries };
}

async function readEndpoints(db: Database, nowMs: number): Promise<WebhookHealth[]> {
  const rows = await reading(() => db.sql<(Omit<WebhookHealth, 'eventTypes'> & { eventTypes: string })[]>`
    WITH shown AS (
      SELECT * FROM webhooks ORDER BY failing_since IS NULL, disabled_at IS NULL, failing_since, id DESC LIMIT ${MOST_ENDPOINTS}
    )
    SELECT w.id, w.org_id AS "orgId", regexp_replace(w.url, '[?#].*', '') AS url, array_to_string(w.event_types, ',') AS "eventTypes",
      (SELECT count(*)::integer FROM (SELECT FROM webhook_deliveries d WHERE d.webhook_id = w.id AND d.next_at IS NOT NULL LIMIT ${MOST_COUNTED}) AS p) AS pending,
      (SELECT min(created_at) FROM (SELECT created_at FROM webhook_deliveries d WHERE d.webhook_id = w.id AND d.next_at IS NOT NULL LIMIT ${MOST_COUNTED}) AS p) AS "oldestPendingAt",
      (SELECT count(*)::integer FROM (SELECT FROM webhook_deliveries d WHERE d.webhook_id = w.id AND d.state = 'failed' AND d.finished_at > ${timeText(nowMs - DAY_MS)}::timestamptz
        LIMIT ${MOST_COUNTED}) AS f) AS "failedLastDay",
      w.failing_since AS "failingSince", w.disabled_at AS "disabledAt", w.disabled_reason AS "disabledReason"
    FROM shown w ORDER BY w.failing_since IS NULL, w.disabled_at IS NULL, w.failing_since, w.id DESC`);
  return rows.map(({ eventTypes, ...row }) => ({ ...row, eventTypes: eventTypes.split(',') }));
}

/** Of each endpoint in trouble its latest few, and of these the latest. */
async function readTroubled(db: Database, nowMs: number): Promise<OperatorDelivery[]> {
  const rows = await reading(() => db.sql<OperatorDelivery[]>`
    WITH troubled AS (
      SELECT id FROM webhooks WHERE failing_since IS NOT NULL OR disabled_at IS NOT NULL ORDER BY coalesce(disabled_at, failing_since) DESC LIMIT ${MOST_ENDPOINTS}
    )
    SELECT ${db.sql.unsafe(DELIVERY_COLUMNS)}, d.org_id AS "orgId"
    FROM troubled t CROSS JOIN LATERAL (
      SELECT * FROM webhook_deliveries d WHERE d.webhook_id = t.id AND d.state <> 'delivered' AND d.created_at > ${timeText(nowMs - 7 * DAY_MS)}::timestamptz ORDER BY d.id DESC LIMIT 10
    ) d ORDER BY d.id DESC LIMIT ${MOST_DELIVERIES}`);
  return [...rows];
}
