import { BullpenError, type Alert, type AlertRule, type AlertSilence } from '@bullpen/core';
import type postgres from 'postgres';

import { timeText } from '../array-literal.ts';
import type { Database } from '../database.ts';
import { reaching, reading } from '../postgres-errors.ts';
import type { NewSigningSecret } from '../secrets/signing-secrets.ts';

/**
 * Rules, alerts and silences as their owners see them. The owner is an organization, or null for the platform, which owns the rules
 * of all organizations and sees every alert.
 */
export type AlertOwner = string | null;

const RULE = `id, org_id AS "orgId", name, measure, threshold, window_ms AS "windowMs", for_ms AS "forMs", severity, enabled,
  (SELECT w.url FROM webhooks w WHERE w.alert_rule_id = alert_rules.id) AS "webhookUrl", created_at AS "createdAt"`;
const ALERT = `a.id, a.rule_id AS "ruleId", r.name AS rule, a.org_id AS "orgId", a.subject, r.measure, r.severity, a.state, a.value, a.threshold, a.reason,
  a.silenced, a.started_at AS "startedAt", a.firing_at AS "firingAt", a.resolved_at AS "resolvedAt", a.acknowledged_at AS "acknowledgedAt",
  a.acknowledged_by AS "acknowledgedBy"`;
const SILENCE = `id, org_id AS "orgId", rule_id AS "ruleId", subject, until_at AS until, reason, created_at AS "createdAt"`;

/** Index alert_rules_of_org; oldest first. */
export async function listAlertRules(db: Database, owner: AlertOwner): Promise<AlertRule[]> {
  const rows = await reading(() => db.sql<AlertRule[]>`
    SELECT ${db.sql.unsafe(RULE)} FROM alert_rules WHERE org_id IS NOT DISTINCT FROM ${owner} ORDER BY created_at, id LIMIT 1000`);
  return [...rows];
}

const MOST_RULES = 100;

/** Who is told of a rule's alerts. */
export interface RuleWebhook {
  id: string;
  secret: NewSigningSecret;
}

/** With its webhook where it has one. @throws BullpenError LIMIT_EXCEEDED where the owner has a hundred */
export async function insertAlertRule(db: Database, rule: AlertRule, webhook: RuleWebhook | null): Promise<void> {
  const { sql } = db;
  const [made] = await reaching(() => sql<{ id: string }[]>`
    WITH rule AS (
      INSERT INTO alert_rules (id, org_id, name, measure, threshold, window_ms, for_ms, severity, enabled, created_at)
      SELECT ${rule.id}, ${rule.orgId}, ${rule.name}, ${rule.measure}, ${rule.threshold}::float8, ${rule.windowMs}::bigint, ${rule.forMs}::bigint, ${rule.severity},
        ${rule.enabled}::boolean, ${rule.createdAt}::timestamptz
      WHERE (SELECT count(*) FROM alert_rules WHERE org_id IS NOT DISTINCT FROM ${rule.orgId}) < ${MOST_RULES}
      RETURNING id, org_id
    )${webhook === null ? sql`` : insertRuleWebhook(sql, rule, webhook)}
    SELECT id FROM rule`);
  if (made === undefined) throw new BullpenError('LIMIT_EXCEEDED', `there may be ${MOST_RULES} alert rules`, { most: MOST_RULES });
}

function insertRuleWebhook(sql: postgres.Sql, { name, webhookUrl }: AlertRule, { id, secret }: RuleWebhook): postgres.Fragment {
  return sql`, webhook AS (
      INSERT INTO webhooks (id, org_id, url, description, event_types, alert_rule_id)
      SELECT ${id}, org_id, ${webhookUrl}, ${name}, ARRAY['alert.*'], id FROM rule RETURNING id, org_id
    ), signing AS (
      INSERT INTO signing_secrets (id, org_id, webhook_id, key_id, wrapped_key, sealed_value)
      SELECT ${secret.id}, org_id, id, ${secret.keyId}, ${secret.wrappedKey}::bytea, ${secret.sealedValue}::bytea FROM webhook
    )`;
}

/** With its alerts. @throws BullpenError NOT_FOUND */
export async function deleteAlertRule(db: Database, owner: AlertOwner, ruleId: string): Promise<void> {
  const { count } = await reaching(async () => asOwner(db, owner, (sql) => sql`DELETE FROM alert_rules WHERE id = ${ruleId} AND org_id IS NOT DISTINCT FROM ${owner}`));
  if (count === 0) throw new BullpenError('NOT_FOUND', 'there is no such alert rule');
}

/** @throws BullpenError NOT_FOUND */
export async function enableAlertRule(db: Database, owner: AlertOwner, ruleId: string, enabled: boolean): Promise<AlertRule> {
  const [rule] = await reaching(() => db.sql<AlertRule[]>`
    UPDATE alert_rules SET enabled = ${enabled} WHERE id = ${ruleId} AND org_id IS NOT DISTINCT FROM ${owner} RETURNING ${db.sql.unsafe(RULE)}`);
  if (rule === undefined) throw new BullpenError('NOT_FOUND', 'there is no such alert rule');
  return rule;
}

/** Newest first; those of an organization without who is behind them. Indexes alerts_of_org, alerts_newest. */
export async function listAlerts(db: Database, owner: AlertOwner, { state, limit }: { state: 'open' | 'resolved' | 'all'; limit: number }): Promise<Alert[]> {
  const { sql } = db;
  const states = state === 'all' ? sql`` : state === 'open' ? sql`AND a.state <> 'resolved'` : sql`AND a.state = 'resolved'`;
  const rows = await reading(() => sql<Alert[]>`
    SELECT ${sql.unsafe(ALERT)}, ${culpritFor(sql, owner)} AS "culpritOrgId"
    FROM alerts a JOIN alert_rules r ON r.id = a.rule_id
    WHERE ${ownedBy(sql, owner)} ${states} ORDER BY a.started_at DESC, a.id DESC LIMIT ${limit}`);
  return [...rows];
}

/** The first who says so stands. @throws BullpenError NOT_FOUND */
export async function acknowledgeAlert(db: Database, owner: AlertOwner, alertId: string, by: string, atMs: number): Promise<Alert> {
  const { sql } = db;
  const [alert] = await reaching(() => sql<Alert[]>`
    UPDATE alerts a SET acknowledged_at = coalesce(acknowledged_at, ${timeText(atMs)}::timestamptz), acknowledged_by = coalesce(acknowledged_by, ${by})
    FROM alert_rules r WHERE r.id = a.rule_id AND a.id = ${alertId} AND ${ownedBy(sql, owner)}
    RETURNING ${sql.unsafe(ALERT)}, ${culpritFor(sql, owner)} AS "culpritOrgId"`);
  if (alert === undefined) throw new BullpenError('NOT_FOUND', 'there is no such alert');
  return alert;
}

export async function insertAlertSilence(db: Database, { id, orgId, ruleId, subject, until, reason, createdAt }: AlertSilence): Promise<void> {
  await reaching(async () => asOwner(db, orgId, (sql) => sql`
    INSERT INTO alert_silences (id, org_id, rule_id, subject, until_at, reason, created_at)
    VALUES (${id}, ${orgId}, ${ruleId}, ${subject}, ${until}::timestamptz, ${reason}, ${createdAt}::timestamptz)`));
}

/** Those that have not ended. Index alert_silences_until. */
export async function listAlertSilences(db: Database, owner: AlertOwner, nowMs: number): Promise<AlertSilence[]> {
  const rows = await reading(async () => asOwner(db, owner, (sql) => sql<AlertSilence[]>`
    SELECT ${sql.unsafe(SILENCE)} FROM alert_silences
    WHERE org_id IS NOT DISTINCT FROM ${owner} AND until_at > ${timeText(nowMs)}::timestamptz ORDER BY created_at, id LIMIT 1000`));
  return [...rows];
}

/** @throws BullpenError NOT_FOUND */
export async function deleteAlertSilence(db: Database, owner: AlertOwner, silenceId: string): Promise<void> {
  const { count } = await reaching(async () => asOwner(db, owner, (sql) => sql`DELETE FROM alert_silences WHERE id = ${silenceId} AND org_id IS NOT DISTINCT FROM ${owner}`));
  if (count === 0) throw new BullpenError('NOT_FOUND', 'there is no such silence');
}

/**
 * An organization's own rows are changed as the tenant. Alerts are read as the owner of the tables: what a tenant sees of one is
 * in a rule that may be the platform's, which row level security shows to no tenant.
 */
function asOwner<T>(db: Database, owner: AlertOwner, act: (sql: postgres.Sql) => PromiseLike<T>): PromiseLike<T> {
  return owner === null ? act(db.sql) : db.tenant(owner, ({ sql }) => act(sql));
}

function ownedBy(sql: postgres.Sql, owner: AlertOwner): postgres.Fragment {
  return owner === null ? sql`true` : sql`a.org_id = ${owner}`;
}

function culpritFor(sql: postgres.Sql, owner: AlertOwner): postgres.Fragment {
  return owner === null ? sql`a.culprit_org_id` : sql`NULL::text`;
}
