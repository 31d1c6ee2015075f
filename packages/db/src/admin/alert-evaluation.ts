import type { AlertRule } from '@bullpen/core';
import type postgres from 'postgres';

import { column, timeText } from '../array-literal.ts';
import type { Database } from '../database.ts';
import { reaching } from '../postgres-errors.ts';

/** What the evaluation of alert rules reads and writes, in the one transaction that holds its lock. */

export type WatchedRule = Omit<AlertRule, 'webhookUrl'>;

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

/** What is told of an alert: to the rule's own webhook, and to those of the organization that it is about. */
export interface AlertNews {
  eventId: string;
  eventType: 'alert.firing' | 'alert.resolved';
  alertId: string;
  ruleId: string;
  /** About whom; null: a worker. */
  orgId: string | null;
  /** JSON. */
  bodyForRule: string;
  bodyForOrganization: string;
}

/** What one turn decided. */
export interface EvaluationResult {
  alerts: readonly AlertWrite[];
  news: readonly AlertNews[];
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
    await tellWebhooks(transaction, result.news, nowMs);
    return true;
  }));
}

async function readState(sql: postgres.Sql, nowMs: number): Promise<EvaluationState> {
  const rules = await sql<WatchedRule[]>`
    SELECT id, org_id AS "orgId", name, measure, threshold, window_ms AS "windowMs", for_ms AS "forMs", severity, enabled,
      created_at AS "createdAt" FROM alert_rules`;
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

/** In the transaction that moves the alert: there is no alert that nobody is told of. */
async function tellWebhooks(sql: postgres.Sql, news: readonly AlertNews[], nowMs: number): Promise<void> {
  if (news.length === 0) return;
  const now = timeText(nowMs);
  await sql`
    INSERT INTO webhook_deliveries (id, org_id, webhook_id, event_id, event_type, payload, next_at, created_at)
    SELECT 'dlv_' || new_ulid(), w.org_id, w.id, given.event_id, given.event_type,
      (CASE WHEN w.alert_rule_id IS NULL THEN given.body_for_organization ELSE given.body_for_rule END)::jsonb, ${now}::timestamptz, ${now}::timestamptz
    FROM unnest(
      ${column(news, ({ eventId }) => eventId)}::text[], ${column(news, ({ eventType }) => eventType)}::text[], ${column(news, ({ alertId }) => alertId)}::text[],
      ${column(news, ({ ruleId }) => ruleId)}::text[], ${column(news, ({ orgId }) => orgId)}::text[],
      ${column(news, ({ bodyForRule }) => bodyForRule)}::text[], ${column(news, ({ bodyForOrganization }) => bodyForOrganization)}::text[]
    ) AS given (event_id, event_type, alert_id, rule_id, org_id, body_for_rule, body_for_organization)
    JOIN webhooks w ON w.disabled_at IS NULL AND (
      w.alert_rule_id = given.rule_id
      OR (w.alert_rule_id IS NULL AND w.org_id = given.org_id AND w.event_types && ARRAY[given.event_type, 'alert.*']))
    WHERE EXISTS (SELECT FROM alerts a WHERE a.id = given.alert_id)
    FOR KEY SHARE OF w SKIP LOCKED`;
}

/** Resolved alerts, and silences, that ended before. */
export async function adminForgetAlerts(db: Database, beforeMs: number): Promise<void> {
  await reaching(() => db.sql`DELETE FROM alerts WHERE state = 'resolved' AND resolved_at < ${timeText(beforeMs)}::timestamptz`);
  await reaching(() => db.sql`DELETE FROM alert_silences WHERE until_at < ${timeText(beforeMs)}::timestamptz`);
}
