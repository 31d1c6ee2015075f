import { newId, type DeliveryAttempt } from '@bullpen/core';

import { timeText } from '../array-literal.ts';
import type { Database } from '../database.ts';
import { reaching, reading } from '../postgres-errors.ts';

/** What delivers webhooks: who has something due, taking it, and what became of it. */

/** Whose deliveries: those of its endpoints that work, or of those that fail. Null: of the platform's rules. */
export interface DeliveryLane {
  orgId: string | null;
  isFailing: boolean;
}

/**
 * Who has something due. Visits the endpoints for which anything waits, each by one step in the index webhook_deliveries_pending, however
 * many deliveries each of them has.
 */
export async function adminListDueLanes(db: Database, nowMs: number, limit: number): Promise<DeliveryLane[]> {
  const rows = await reading(() => db.sql<DeliveryLane[]>`
    WITH RECURSIVE waiting AS (
      (SELECT webhook_id FROM webhook_deliveries WHERE next_at IS NOT NULL ORDER BY webhook_id LIMIT 1)
      UNION ALL
      SELECT (SELECT d.webhook_id FROM webhook_deliveries d WHERE d.next_at IS NOT NULL AND d.webhook_id > w.webhook_id ORDER BY d.webhook_id LIMIT 1)
      FROM waiting w WHERE w.webhook_id IS NOT NULL
    )
    SELECT w.org_id AS "orgId", w.failing_since IS NOT NULL AS "isFailing"
    FROM waiting JOIN webhooks w ON w.id = waiting.webhook_id
    WHERE w.disabled_at IS NULL AND EXISTS (SELECT FROM webhook_deliveries d WHERE d.webhook_id = w.id AND d.next_at <= ${timeText(nowMs)}::timestamptz)
    GROUP BY 1, 2 LIMIT ${limit}`);
  return [...rows];
}

/** A delivery that is being sent. */
export interface TakenDelivery {
  id: string;
  orgId: string | null;
  webhookId: string;
  eventId: string;
  url: string;
  /** JSON as it is sent and signed. */
  body: string;
  /** This one included. */
  attempts: number;
  failingSince: string | null;
}

export interface TakeOptions {
  nowMs: number;
  /** Who takes them and dies leaves them to the next after so long. */
  leaseMs: number;
  perWebhook: number;
  limit: number;
}

/** Takes some of what is due in a lane, the oldest of each endpoint. Index webhook_deliveries_pending. */
export async function adminTakeDeliveries(db: Database, { orgId, isFailing }: DeliveryLane, { nowMs, leaseMs, perWebhook, limit }: TakeOptions): Promise<TakenDelivery[]> {
  const { sql } = db;
  const rows = await reaching(() => sql<TakenDelivery[]>`
    WITH endpoints AS (
      SELECT id, url, failing_since FROM webhooks
      WHERE ${orgId === null ? sql`org_id IS NULL` : sql`org_id = ${orgId}`} AND disabled_at IS NULL AND (failing_since IS NOT NULL) = ${isFailing}
    ), due AS (
      SELECT d.id, e.url, e.failing_since FROM endpoints e CROSS JOIN LATERAL (
        SELECT id FROM webhook_deliveries WHERE webhook_id = e.id AND next_at <= ${timeText(nowMs)}::timestamptz ORDER BY next_at LIMIT ${perWebhook} FOR UPDATE SKIP LOCKED
      ) d LIMIT ${limit}
    )
    UPDATE webhook_deliveries d SET attempts = d.attempts + 1, next_at = ${timeText(nowMs + leaseMs)}::timestamptz
    FROM due WHERE d.id = due.id
    RETURNING d.id, d.org_id AS "orgId", d.webhook_id AS "webhookId", d.event_id AS "eventId", due.url, d.payload::text AS body, d.attempts, due.failing_since AS "failingSince"`);
  return [...rows];
}

/** What became of an attempt. `retry` needs the time of the next one. */
export type DeliveryOutcome = { kind: 'delivered' } | { kind: 'retry'; nextAtMs: number } | { kind: 'given_up' };

const KEPT_ATTEMPTS = 30;

/** Of the attempt that was taken, and of no later one. The endpoint works, or is failing, from then on. */
export async function adminSettleDelivery(db: Database, taken: TakenDelivery, attempt: DeliveryAttempt, outcome: DeliveryOutcome): Promise<void> {
  const isOver = outcome.kind !== 'retry';
  const state = outcome.kind === 'retry' ? 'pending' : outcome.kind === 'delivered' ? 'delivered' : 'failed';
  await reaching(() => db.sql`
    WITH settled AS (
      UPDATE webhook_deliveries SET state = ${state}, next_at = ${outcome.kind === 'retry' ? timeText(outcome.nextAtMs) : null}::timestamptz,
        finished_at = CASE WHEN ${isOver}::boolean THEN ${attempt.at}::timestamptz END,
        history = CASE WHEN jsonb_array_length(history) >= ${KEPT_ATTEMPTS}::integer THEN history - 0 ELSE history END || jsonb_build_array(${JSON.stringify(attempt)}::text::jsonb)
      WHERE id = ${taken.id} AND attempts = ${taken.attempts} AND state = 'pending'
    )
    UPDATE webhooks SET failing_since = CASE WHEN ${outcome.kind === 'delivered'}::boolean THEN NULL ELSE ${attempt.at}::timestamptz END
    WHERE id = ${taken.webhookId} AND (failing_since IS NULL) <> ${outcome.kind === 'delivered'}::boolean`);
}

/**
 * Ends the telling of an endpoint: what waits is given up, the audit log says so, and the organization's other webhooks are told.
 * @returns false where it was disabled already, or is gone
 */
export async function adminDisableWebhook(db: Database, webhookId: string, reason: string, nowMs: number): Promise<boolean> {
  const now = new Date(nowMs).toISOString();
  return reaching(() => db.transaction(async (sql) => {
    const [hook] = await sql<{ orgId: string | null; url: string }[]>`
      UPDATE webhooks SET disabled_at = ${now}::timestamptz, disabled_reason = ${reason}, updated_at = ${now}::timestamptz
      WHERE id = ${webhookId} AND disabled_at IS NULL RETURNING org_id AS "orgId", url`;
    if (hook === undefined) return false;
    await sql`UPDATE webhook_deliveries SET state = 'failed', next_at = NULL, finished_at = ${now}::timestamptz WHERE webhook_id = ${webhookId} AND state = 'pending'`;
    const change = { before: JSON.stringify({ url: hook.url, disabledAt: null }), after: JSON.stringify({ url: hook.url, disabledAt: now, disabledReason: reason }) };
    await sql`
      INSERT INTO audit_log (id, org_id, at, action, target, key_id, role, request_id, before, after)
      VALUES (${newId('audit')}, ${hook.orgId}, ${now}::timestamptz, 'disableWebhook', ${`webhook/${webhookId}`}, 'bullpen', 'admin', 'none',
        ${change.before}::text::jsonb, ${change.after}::text::jsonb)`;
    const data = JSON.stringify({ orgId: hook.orgId, webhookId, url: hook.url, reason });
    await sql`SELECT tell_webhooks(${hook.orgId}, ${newId('event')}, 'webhook.disabled', ${now}::timestamptz, ${data}::text::jsonb)`;
    return true;
  }));
}

/** When the delivery was due that has waited longest to be sent; null where none waits. Index webhook_deliveries_due. */
export async function adminOldestDueAt(db: Database): Promise<string | null> {
  const [row] = await reading(() => db.sql<{ oldest: string | null }[]>`SELECT min(next_at) AS oldest FROM webhook_deliveries WHERE next_at IS NOT NULL`);
  return row?.oldest ?? null;
}

/** What was given up of an endpoint for which too much waits. */
export interface GivenUpCrowd {
  webhookId: string;
  orgId: string | null;
  givenUp: number;
}

/** Given up of one endpoint at once; the next look goes on. */
const MOST_GIVEN_UP = 10_000;

/**
 * Gives the oldest up where more than `most` deliveries wait for one endpoint, and says so in their history. One caller at a
 * time: two would each give up the same number. Index webhook_deliveries_pending, read for endpoints for which anything waits.
 */
export async function adminGiveUpCrowds(db: Database, most: number, nowMs: number): Promise<GivenUpCrowd[]> {
  const now = new Date(nowMs).toISOString();
  const attempt: DeliveryAttempt = { at: now, status: null, durationMs: 0, error: `given up: more than ${most} deliveries waited for this endpoint`, excerpt: null };
  return reaching(() => db.transaction(async (sql) => {
    await sql`SELECT pg_advisory_xact_lock(hashtextextended('webhook crowds', 0))`;
    const rows = await sql<GivenUpCrowd[]>`
      WITH RECURSIVE waiting AS (
        (SELECT webhook_id FROM webhook_deliveries WHERE next_at IS NOT NULL ORDER BY webhook_id LIMIT 1)
        UNION ALL
        SELECT (SELECT d.webhook_id FROM webhook_deliveries d WHERE d.next_at IS NOT NULL AND d.webhook_id > w.webhook_id ORDER BY d.webhook_id LIMIT 1)
        FROM waiting w WHERE w.webhook_id IS NOT NULL
      ), crowds AS (
        SELECT w.webhook_id, c.pending - ${most}::bigint AS excess
        FROM waiting w CROSS JOIN LATERAL (SELECT count(*) AS pending FROM webhook_deliveries d WHERE d.webhook_id = w.webhook_id AND d.next_at IS NOT NULL) c
        WHERE w.webhook_id IS NOT NULL AND c.pending > ${most}::bigint
      ), oldest AS (
        SELECT o.id FROM crowds c CROSS JOIN LATERAL (
          SELECT d.id FROM webhook_deliveries d WHERE d.webhook_id = c.webhook_id AND d.next_at IS NOT NULL ORDER BY d.id LIMIT least(c.excess, ${MOST_GIVEN_UP}::bigint)
        ) o
      ), given_up AS (
        UPDATE webhook_deliveries d SET state = 'failed', next_at = NULL, finished_at = ${now}::timestamptz, history = d.history || jsonb_build_array(${JSON.stringify(attempt)}::text::jsonb)
        FROM oldest WHERE d.id = oldest.id AND d.state = 'pending'
        RETURNING d.webhook_id, d.org_id
      )
      SELECT webhook_id AS "webhookId", org_id AS "orgId", count(*)::integer AS "givenUp" FROM given_up GROUP BY 1, 2`;
    return [...rows];
  }));
}
