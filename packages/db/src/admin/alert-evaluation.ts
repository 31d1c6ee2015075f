import type { AlertRule } from '@bullpen/core';
import type postgres from 'postgres';

import { column, timeText } from '../array-literal.ts';
import type { Database } from '../database.ts';
import { reaching } from '../postgres-errors.ts';

/** What the evaluation of alert rules reads and writes, in the one transaction that holds its lock. */

export interface WatchedRule extends AlertRule {
  isTold: boolean;
}

export interface StoredOpenAlert {
  id: string;
  ruleId: string;
  subject: string;
  state: 'pending' | 'firing';
  startedAtMs: number;
  belowSinceMs: number | null;
}

export interface ActiveSilence {
  orgId: string | null;
  ruleId: string | null;
  subject: string | null;
}

export interface EvaluationState {
  rules: WatchedRule[];
  open: StoredOpenAlert[];
  silences: ActiveSilence[];
}

/** An alert as it is to stand. A dropped one was pending and leaves nothing behind. */
export interface AlertWrite {
  id: string;
  ruleId: string;
  orgId: string | null;
  subject: string;
  state: 'pending' | 'firing' | 'resolved' | 'dropped';
  value: number;
  threshold: number;
  reason: string;
  culpritOrgId: string | null;
  silenced: boolean;
  startedAtMs: number;
  belowSinceMs: number | null;
}

export interface DeliveryWrite {
  id: string;
  alertId: string;
  orgId: string | null;
  ruleId: string;
  body: string;
}

/** What one turn decided. */
export interface EvaluationResult {
  alerts: readonly AlertWrite[];
  deliveries: readonly DeliveryWrite[];
}

/** Any number that nobody else locks on. */
const EVALUATION_LOCK_KEY = 714_025_944;

/**
 * Runs `decide` over what there is and writes what it decides, all or nothing. One process at a time: false where another one is
 * at it.
 */
export async function adminEvaluateAlerts(db: Database, nowMs: number, decide: (state: EvaluationState) => Promise<EvaluationResult>): Promise<boolean> {
  return reaching(() => db.transaction(async (transaction) => {
    const [lock] = await transaction<{ isOurs: boolean }[]>`SELECT pg_try_advisory_xact_lock(${EVALUATION_LOCK_KEY}) AS "isOurs"`;
    if (lock?.isOurs !== true) return false;
    const result = await decide(await readState(transaction, nowMs));
    await writeAlerts(transaction, result.alerts, nowMs);
    await writeDeliveries(transaction, result.deliveries, nowMs);
    return true;
  }));
}

async function readState(sql: postgres.Sql, nowMs: number): Promise<EvaluationState> {
  const rules = await sql<WatchedRule[]>`
    SELECT id, org_id AS "orgId", name, measure, threshold, window_ms AS "windowMs", for_ms AS "forMs", severity, enabled, webhook_url AS "webhookUrl",
      created_at AS "createdAt", webhook_url IS NOT NULL AS "isTold" FROM alert_rules`;
  const open = await sql<(Omit<StoredOpenAlert, 'startedAtMs' | 'belowSinceMs'> & { startedAt: string; belowSince: string | null })[]>`
    SELECT id, rule_id AS "ruleId", subject, state, started_at AS "startedAt", below_since AS "belowSince" FROM alerts WHERE state <> 'resolved'`;
  const silences = await sql<ActiveSilence[]>`
    SELECT org_id AS "orgId", rule_id AS "ruleId", subject FROM alert_silences WHERE until_at > ${timeText(nowMs)}::timestamptz`;
  return {
    rules: [...rules],
    open: open.map(({ startedAt, belowSince, ...alert }) => ({ ...alert, startedAtMs: Date.parse(startedAt), belowSinceMs: belowSince === null ? null : Date.parse(belowSince) })),
    silences: [...silences],
  };
}

async function writeAlerts(sql: postgres.Sql, alerts: readonly AlertWrite[], nowMs: number): Promise<void> {
  const dropped = alerts.filter(({ state }) => state === 'dropped');
  if (dropped.length > 0) await sql`DELETE FROM alerts WHERE id = ANY (${column(dropped, ({ id }) => id)}::text[])`;
  const kept = alerts.filter(({ state }) => state !== 'dropped');
  if (kept.length === 0) return;
  const now = sql`${timeText(nowMs)}::timestamptz`;
  await sql`
    INSERT INTO alerts AS a (id, rule_id, org_id, subject, state, value, threshold, reason, culprit_org_id, silenced, started_at, below_since, firing_at, resolved_at)
    SELECT given.*, CASE WHEN given.state <> 'pending' THEN ${now} END, CASE WHEN given.state = 'resolved' THEN ${now} END
    FROM unnest(
      ${column(kept, ({ id }) => id)}::text[], ${column(kept, ({ ruleId }) => ruleId)}::text[], ${column(kept, ({ orgId }) => orgId)}::text[],
      ${column(kept, ({ subject }) => subject)}::text[], ${column(kept, ({ state }) => state)}::text[], ${column(kept, ({ value }) => value)}::float8[],
      ${column(kept, ({ threshold }) => threshold)}::float8[], ${column(kept, ({ reason }) => reason)}::text[], ${column(kept, ({ culpritOrgId }) => culpritOrgId)}::text[],
      ${column(kept, ({ silenced }) => silenced)}::boolean[], ${column(kept, ({ startedAtMs }) => timeText(startedAtMs))}::timestamptz[],
      ${column(kept, ({ belowSinceMs }) => timeText(belowSinceMs))}::timestamptz[]
    ) AS given (id, rule_id, org_id, subject, state, value, threshold, reason, culprit_org_id, silenced, started_at, below_since)
    -- Gone since it was looked at: nothing to be told of it any more.
    WHERE given.org_id IS NULL OR EXISTS (SELECT FROM organizations o WHERE o.id = given.org_id)
    ON CONFLICT (id) DO UPDATE SET state = excluded.state, value = excluded.value, threshold = excluded.threshold, reason = excluded.reason,
      culprit_org_id = coalesce(excluded.culprit_org_id, a.culprit_org_id), silenced = excluded.silenced, below_since = excluded.below_since,
      firing_at = coalesce(a.firing_at, excluded.firing_at), resolved_at = excluded.resolved_at`;
}

async function writeDeliveries(sql: postgres.Sql, deliveries: readonly DeliveryWrite[], nowMs: number): Promise<void> {
  if (deliveries.length === 0) return;
  await sql`
    INSERT INTO alert_deliveries (id, alert_id, org_id, rule_id, body, next_attempt_at, created_at)
    SELECT given.*, ${timeText(nowMs)}::timestamptz, ${timeText(nowMs)}::timestamptz
    FROM unnest(
      ${column(deliveries, ({ id }) => id)}::text[], ${column(deliveries, ({ alertId }) => alertId)}::text[], ${column(deliveries, ({ orgId }) => orgId)}::text[],
      ${column(deliveries, ({ ruleId }) => ruleId)}::text[], ${column(deliveries, ({ body }) => body)}::text[]
    ) AS given (id, alert_id, org_id, rule_id, body)
    WHERE EXISTS (SELECT FROM alerts a WHERE a.id = given.alert_id)`;
}

export interface DueDelivery {
  id: string;
  body: string;
  /** This one included. */
  attempts: number;
  url: string;
  secret: string;
}

/**
 * Takes deliveries that are due, for `leaseMs`: who takes them and dies leaves them to the next. Index alert_deliveries_due. One whose
 * rule has no webhook any more is given up.
 */
export async function adminTakeDueDeliveries(db: Database, nowMs: number, leaseMs: number, limit: number): Promise<DueDelivery[]> {
  const rows = await reaching(() => db.sql<(Omit<DueDelivery, 'url' | 'secret'> & { url: string | null; secret: string | null })[]>`
    UPDATE alert_deliveries d SET attempts = d.attempts + 1,
      next_attempt_at = CASE WHEN r.webhook_url IS NULL THEN NULL ELSE ${timeText(nowMs + leaseMs)}::timestamptz END
    FROM alert_rules r
    WHERE r.id = d.rule_id AND d.id IN (
      SELECT id FROM alert_deliveries WHERE next_attempt_at <= ${timeText(nowMs)}::timestamptz ORDER BY next_attempt_at LIMIT ${limit} FOR UPDATE SKIP LOCKED)
    RETURNING d.id, d.body, d.attempts, r.webhook_url AS url, r.webhook_secret AS secret`);
  return rows.flatMap(({ url, secret, ...rest }) => (url === null || secret === null ? [] : [{ ...rest, url, secret }]));
}

/** @param outcome.nextAttemptAtMs - null: delivered, or given up */
export async function adminSettleDelivery(db: Database, id: string, outcome: { deliveredAtMs: number | null; nextAttemptAtMs: number | null; error: string | null }): Promise<void> {
  await reaching(() => db.sql`
    UPDATE alert_deliveries SET delivered_at = ${timeText(outcome.deliveredAtMs)}::timestamptz, next_attempt_at = ${timeText(outcome.nextAttemptAtMs)}::timestamptz,
      last_error = ${outcome.error}
    WHERE id = ${id}`);
}

/** Resolved alerts, and silences, that ended before. */
export async function adminForgetAlerts(db: Database, beforeMs: number): Promise<void> {
  await reaching(() => db.sql`DELETE FROM alerts WHERE state = 'resolved' AND resolved_at < ${timeText(beforeMs)}::timestamptz`);
  await reaching(() => db.sql`DELETE FROM alert_silences WHERE until_at < ${timeText(beforeMs)}::timestamptz`);
}
