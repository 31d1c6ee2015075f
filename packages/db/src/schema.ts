import { sql } from 'drizzle-orm';
import { bigint, boolean, customType, doublePrecision, foreignKey, integer, pgTable, primaryKey, smallint, text, timestamp, unique } from 'drizzle-orm/pg-core';

import type {
  AgentManifest, AlertMeasure, AlertSeverity, AlertState, AttemptLimits, Canary, CatchUpPolicy, ContainerState, DeliveryAttempt, DeliveryState, Deployment,
  IsolationReport, KeyRole,
  KillReceipt, LimitCaps, OrganizationLimits, OrganizationRetention, OverlapPolicy, RetryBackoff, RunError, RunEvent, RunState, RunUsage,
  ScheduleError, ScheduledRun, SignatureScheme, Tier, TriggeredRun,
} from '@bullpen/core';

/**
 * The tables as TypeScript sees them. packages/db/migrations is what makes them (with checks, indexes and comments);
 * a test compares the two.
 */

/** Times in milliseconds, read as ISO 8601 strings (see database.ts). */
const time = (name: string) => timestamp(name, { withTimezone: true, precision: 3, mode: 'string' });

/**
 * jsonb as it is. Drizzle's own `jsonb` parses a value that is a string a second time, so that the JSON text "12"
 * would come back as the number 12.
 */
const json = <T>(name: string) => customType<{ data: T; driverData: unknown }>({
  dataType: () => 'jsonb',
  toDriver: (value) => JSON.stringify(value),
  fromDriver: (value) => value as T,
})(name);

const bytes = customType<{ data: Buffer; driverData: Buffer }>({ dataType: () => 'bytea' });

export const schemaMigrations = pgTable('schema_migrations', {
  name: text('name').primaryKey(),
  sha256: text('sha256').notNull(),
  appliedAt: time('applied_at').notNull().defaultNow(),
});

export const organizations = pgTable('organizations', {
  id: text('id').primaryKey(),
  name: text('name').notNull(),
  poolMb: integer('pool_mb').notNull(),
  maxMemoryMb: integer('max_memory_mb').notNull(),
  minimumTier: text('minimum_tier').$type<Tier>().notNull(),
  limits: json<Partial<OrganizationLimits>>('limits').notNull().default({}),
  caps: json<LimitCaps>('caps').notNull().default({}),
  retention: json<Partial<OrganizationRetention>>('retention').notNull().default({}),
  retainedAt: time('retained_at').notNull().default('epoch'),
  deletingAt: time('deleting_at'),
  createdAt: time('created_at').notNull().defaultNow(),
});

export const apiKeys = pgTable('api_keys', {
  id: text('id').primaryKey(),
  orgId: text('org_id').references(() => organizations.id, { onDelete: 'cascade' }),
  name: text('name').notNull(),
  role: text('role').$type<KeyRole>().notNull(),
  secretHash: text('secret_hash').notNull().unique('api_keys_secret_hash'),
  createdAt: time('created_at').notNull().defaultNow(),
  prefix: text('prefix').notNull().default(''),
  createdBy: text('created_by'),
  rotatedFrom: text('rotated_from'),
  expiresAt: time('expires_at'),
  revokedAt: time('revoked_at'),
  lastUsedAt: time('last_used_at'),
});

export const agents = pgTable('agents', {
  orgId: text('org_id').notNull().references(() => organizations.id, { onDelete: 'cascade' }),
  name: text('name').notNull(),
  latestVersion: integer('latest_version'),
  createdAt: time('created_at').notNull().defaultNow(),
}, (table) => [primaryKey({ columns: [table.orgId, table.name] })]);

export const bundles = pgTable('bundles', {
  orgId: text('org_id').notNull().references(() => organizations.id, { onDelete: 'cascade' }),
  sha256: text('sha256').notNull(),
  code: text('code').notNull(),
  bytes: integer('bytes').notNull(),
  createdAt: time('created_at').notNull().defaultNow(),
}, (table) => [primaryKey({ columns: [table.orgId, table.sha256] })]);

export const agentVersions = pgTable('agent_versions', {
  id: text('id').primaryKey(),
  orgId: text('org_id').notNull(),
  agent: text('agent').notNull(),
  version: integer('version').notNull(),
  sha256: text('sha256').notNull(),
  manifest: json<AgentManifest>('manifest').notNull(),
  createdAt: time('created_at').notNull().defaultNow(),
}, (table) => [
  unique('agent_versions_number').on(table.orgId, table.agent, table.version),
  unique('agent_versions_in_org').on(table.orgId, table.id),
  foreignKey({ name: 'agent_versions_agent', columns: [table.orgId, table.agent], foreignColumns: [agents.orgId, agents.name] })
    .onDelete('cascade'),
  foreignKey({ name: 'agent_versions_bundle', columns: [table.orgId, table.sha256], foreignColumns: [bundles.orgId, bundles.sha256] }),
]);

export const runs = pgTable('runs', {
  id: text('id').notNull(),
  orgId: text('org_id').notNull(),
  agent: text('agent').notNull(),
  version: integer('version').notNull(),
  versionId: text('version_id').notNull(),
  state: text('state').$type<RunState>().notNull(),
  tier: text('tier').$type<Tier>().notNull(),
  attempt: integer('attempt').notNull().default(0),
  maxAttempts: integer('max_attempts').notNull(),
  lease: integer('lease').notNull().default(0),
  redeliveries: integer('redeliveries').notNull().default(0),
  timeoutMs: integer('timeout_ms').notNull(),
  memoryMb: integer('memory_mb').notNull(),
  backoff: json<RetryBackoff>('backoff').notNull(),
  input: json<unknown>('input').notNull(),
  result: json<unknown>('result'),
  error: json<RunError>('error'),
  usage: json<RunUsage>('usage'),
  metadata: json<Record<string, string>>('metadata').notNull(),
  tags: json<string[]>('tags').notNull().default([]),
  priority: smallint('priority').notNull().default(5),
  fairnessKey: text('fairness_key'),
  workerId: text('worker_id'),
  releaseReason: text('release_reason'),
  idempotencyKey: text('idempotency_key'),
  requestHash: text('request_hash'),
  queuedAt: time('queued_at').notNull(),
  notBefore: time('not_before'),
  expiresAt: time('expires_at'),
  claimedAt: time('claimed_at'),
  enteredAt: time('entered_at'),
  turnedAwayAt: time('turned_away_at'),
  startedAt: time('started_at'),
  finishedAt: time('finished_at'),
  cancelRequestedAt: time('cancel_requested_at'),
  limits: json<AttemptLimits>('limits').notNull().default({}),
  kill: json<KillReceipt>('kill'),
  traceparent: text('traceparent'),
}, (table) => [
  primaryKey({ columns: [table.orgId, table.id] }),
  foreignKey({ name: 'runs_version', columns: [table.orgId, table.versionId], foreignColumns: [agentVersions.orgId, agentVersions.id] }),
]);

export const runEvents = pgTable('run_events', {
  orgId: text('org_id').notNull(),
  runId: text('run_id').notNull(),
  seq: bigint('seq', { mode: 'number' }).notNull(),
  attempt: integer('attempt').notNull(),
  at: time('at').notNull(),
  event: json<RunEvent>('event').notNull(),
}, (table) => [
  primaryKey({ columns: [table.orgId, table.runId, table.seq, table.at] }),
  foreignKey({ name: 'run_events_run', columns: [table.orgId, table.runId], foreignColumns: [runs.orgId, runs.id] }).onDelete('cascade'),
]);

/** `(bin + 1000) << 32 | count`, in the order of the bins: exact as a number, since both are small. */
const histogram = (name: string) => bigint(name, { mode: 'number' }).array().notNull();

/** The same as text, for reading: `gap:count,...`. */
const histogramTexts = () => ({
  wallText: text('wall_text').notNull().generatedAlwaysAs(sql`histogram_text(wall_histogram)`),
  cpuText: text('cpu_text').notNull().generatedAlwaysAs(sql`histogram_text(cpu_histogram)`),
  queueWaitText: text('queue_wait_text').notNull().generatedAlwaysAs(sql`histogram_text(queue_wait_histogram)`),
});

const runSums = () => ({
  tier: text('tier').notNull(),
  outcome: text('outcome').notNull(),
  runs: bigint('runs', { mode: 'number' }).notNull(),
  failures: bigint('failures', { mode: 'number' }).notNull(),
  wallMs: doublePrecision('wall_ms').notNull(),
  cpuMs: doublePrecision('cpu_ms').notNull(),
  gbSeconds: doublePrecision('gb_seconds').notNull(),
  queueWaitMs: doublePrecision('queue_wait_ms').notNull(),
  worstQueueWaitMs: doublePrecision('worst_queue_wait_ms').notNull(),
  egressBytes: doublePrecision('egress_bytes').notNull(),
  tokens: doublePrecision('tokens').notNull(),
  wallHistogram: histogram('wall_histogram'),
  cpuHistogram: histogram('cpu_histogram'),
  queueWaitHistogram: histogram('queue_wait_histogram'),
});

const runBucket = () => ({
  bucketAt: time('bucket_at').notNull(),
  orgId: text('org_id').notNull().references(() => organizations.id, { onDelete: 'cascade' }),
  agent: text('agent').notNull(),
  version: integer('version').notNull(),
  ...runSums(),
});

/** The four run_metrics tables and runtime_samples are partitioned by time; their partitions are made by SQL procedures. */
export const runMetrics = pgTable('run_metrics', {
  ...runBucket(),
  writerId: text('writer_id').notNull(),
  batch: bigint('batch', { mode: 'number' }).notNull(),
}, (table) => [primaryKey({ columns: [table.bucketAt, table.orgId, table.agent, table.version, table.tier, table.outcome, table.writerId, table.batch] })]);

export const runMetrics1m = pgTable('run_metrics_1m', runBucket(), (table) => [
  primaryKey({ columns: [table.bucketAt, table.orgId, table.agent, table.version, table.tier, table.outcome] }),
]);

const longBucket = () => ({ ...runBucket(), ...histogramTexts() });
export const runMetrics1h = pgTable('run_metrics_1h', longBucket(), (table) => [
  primaryKey({ columns: [table.bucketAt, table.orgId, table.agent, table.version, table.tier, table.outcome] }),
]);
export const runMetrics1d = pgTable('run_metrics_1d', longBucket(), (table) => [
  primaryKey({ columns: [table.bucketAt, table.orgId, table.agent, table.version, table.tier, table.outcome] }),
]);

export const organizationTotals = pgTable('organization_totals', {
  orgId: text('org_id').notNull().references(() => organizations.id, { onDelete: 'cascade' }),
  untilAt: time('until_at').notNull(),
  runs: bigint('runs', { mode: 'number' }).notNull(),
  failures: bigint('failures', { mode: 'number' }).notNull(),
  wallMs: doublePrecision('wall_ms').notNull(),
  cpuMs: doublePrecision('cpu_ms').notNull(),
  gbSeconds: doublePrecision('gb_seconds').notNull(),
  queueWaitMs: doublePrecision('queue_wait_ms').notNull(),
  egressBytes: doublePrecision('egress_bytes').notNull(),
  tokens: doublePrecision('tokens').notNull(),
  wallHistogram: histogram('wall_histogram'),
  cpuHistogram: histogram('cpu_histogram'),
  queueWaitHistogram: histogram('queue_wait_histogram'),
  ...histogramTexts(),
}, (table) => [primaryKey({ columns: [table.orgId, table.untilAt] })]);

export const systemMetrics = pgTable('system_metrics', {
  stepS: integer('step_s').notNull(),
  bucketAt: time('bucket_at').notNull(),
  ...runSums(),
  ...histogramTexts(),
}, (table) => [primaryKey({ columns: [table.stepS, table.bucketAt, table.tier, table.outcome] })]);

export const runtimeSamples = pgTable('runtime_samples', {
  at: time('at').notNull(),
  workerId: text('worker_id').notNull(),
  subject: text('subject').notNull(),
  subjectId: text('subject_id').notNull(),
  orgId: text('org_id').references(() => organizations.id, { onDelete: 'cascade' }),
  running: integer('running'),
  slots: integer('slots'),
  limitMb: doublePrecision('limit_mb'),
  usedMb: doublePrecision('used_mb'),
  cpuMs: doublePrecision('cpu_ms'),
  eventLoopDelayMs: doublePrecision('event_loop_delay_ms'),
  runs: bigint('runs', { mode: 'number' }),
  failures: bigint('failures', { mode: 'number' }),
  deaths: bigint('deaths', { mode: 'number' }),
}, (table) => [primaryKey({ columns: [table.at, table.workerId, table.subject, table.subjectId] })]);

export const rollupPending = pgTable('rollup_pending', {
  stepS: integer('step_s').notNull(),
  bucketAt: time('bucket_at').notNull(),
  writerId: text('writer_id').notNull(),
}, (table) => [primaryKey({ columns: [table.stepS, table.bucketAt, table.writerId] })]);

export const rollupProgress = pgTable('rollup_progress', {
  stepS: integer('step_s').primaryKey(),
  rolledUntil: time('rolled_until').notNull(),
});

export const metricWriters = pgTable('metric_writers', {
  id: text('id').primaryKey(),
  lastBatch: bigint('last_batch', { mode: 'number' }).notNull(),
  seenAt: time('seen_at').notNull().defaultNow(),
});

export const schedules = pgTable('schedules', {
  id: text('id').primaryKey(),
  orgId: text('org_id').notNull().references(() => organizations.id, { onDelete: 'cascade' }),
  name: text('name').notNull(),
  run: json<ScheduledRun>('run').notNull(),
  cron: text('cron'),
  timeZone: text('time_zone'),
  intervalMs: bigint('interval_ms', { mode: 'number' }),
  startAt: time('start_at'),
  endAt: time('end_at'),
  overlap: text('overlap').$type<OverlapPolicy>().notNull(),
  catchUp: text('catch_up').$type<CatchUpPolicy>().notNull(),
  maxCatchUp: integer('max_catch_up').notNull(),
  paused: boolean('paused').notNull(),
  nextAt: time('next_at'),
  pendingAt: time('pending_at'),
  lastAt: time('last_at'),
  lastRunId: text('last_run_id'),
  lastError: json<ScheduleError>('last_error'),
  revision: integer('revision').notNull().default(0),
  claimedUntil: time('claimed_until'),
  timedAt: time('timed_at').notNull(),
  createdAt: time('created_at').notNull(),
}, (table) => [unique('schedules_name').on(table.orgId, table.name)]);

export const auditLog = pgTable('audit_log', {
  id: text('id').primaryKey(),
  orgId: text('org_id').references(() => organizations.id, { onDelete: 'cascade' }),
  at: time('at').notNull(),
  action: text('action').notNull(),
  target: text('target').notNull(),
  keyId: text('key_id').notNull(),
  role: text('role').$type<KeyRole>().notNull(),
  requestId: text('request_id').notNull(),
  before: json<unknown>('before'),
  after: json<unknown>('after'),
});

export const idempotentRequests = pgTable('idempotent_requests', {
  owner: text('owner').notNull(),
  keyHash: text('key_hash').notNull(),
  orgId: text('org_id').references(() => organizations.id, { onDelete: 'cascade' }),
  requestHash: text('request_hash').notNull(),
  attemptId: text('attempt_id').notNull(),
  status: smallint('status'),
  answer: bytes('answer'),
  lockedUntil: time('locked_until').notNull(),
  expiresAt: time('expires_at').notNull(),
}, (table) => [primaryKey({ columns: [table.owner, table.keyHash] })]);

export const rateWindows = pgTable('rate_windows', {
  keyId: text('key_id').notNull(),
  windowAt: time('window_at').notNull(),
  used: bigint('used', { mode: 'number' }).notNull(),
}, (table) => [primaryKey({ columns: [table.keyId, table.windowAt] })]);

export const workers = pgTable('workers', {
  id: text('id').primaryKey(),
  host: text('host').notNull(),
  pid: integer('pid').notNull(),
  state: text('state').$type<'running' | 'quiescing' | 'stopped' | 'lost'>().notNull(),
  slots: integer('slots').notNull(),
  running: integer('running').notNull(),
  rssMb: doublePrecision('rss_mb').notNull(),
  isolation: json<IsolationReport>('isolation'),
  startedAt: time('started_at').notNull(),
  seenAt: time('seen_at').notNull(),
  endedAt: time('ended_at'),
});

export const containers = pgTable('containers', {
  id: text('id').primaryKey(),
  orgId: text('org_id').notNull().references(() => organizations.id, { onDelete: 'cascade' }),
  workerId: text('worker_id').notNull().references(() => workers.id, { onDelete: 'cascade' }),
  tier: text('tier').$type<Tier>().notNull(),
  state: text('state').$type<ContainerState>().notNull(),
  death: text('death'),
  limitMb: integer('limit_mb').notNull(),
  heapMb: doublePrecision('heap_mb').notNull(),
  externalMb: doublePrecision('external_mb').notNull(),
  cpuMs: doublePrecision('cpu_ms').notNull(),
  runs: integer('runs').notNull(),
  runId: text('run_id'),
  startedAt: time('started_at').notNull(),
  seenAt: time('seen_at').notNull(),
  endedAt: time('ended_at'),
});

export const webhooks = pgTable('webhooks', {
  id: text('id').primaryKey(),
  orgId: text('org_id').references(() => organizations.id, { onDelete: 'cascade' }),
  url: text('url').notNull(),
  description: text('description').notNull().default(''),
  eventTypes: text('event_types').array().notNull(),
  disabledAt: time('disabled_at'),
  disabledReason: text('disabled_reason'),
  createdAt: time('created_at').notNull().defaultNow(),
  updatedAt: time('updated_at').notNull().defaultNow(),
  alertRuleId: text('alert_rule_id').references(() => alertRules.id, { onDelete: 'cascade' }),
  failingSince: time('failing_since'),
}, (table) => [unique('webhooks_in_org').on(table.orgId, table.id)]);

export const webhookDeliveries = pgTable('webhook_deliveries', {
  id: text('id').primaryKey(),
  orgId: text('org_id'),
  webhookId: text('webhook_id').notNull().references(() => webhooks.id, { onDelete: 'cascade' }),
  eventId: text('event_id').notNull(),
  eventType: text('event_type').notNull(),
  payload: json<unknown>('payload').notNull(),
  state: text('state').$type<DeliveryState>().notNull().default('pending'),
  attempts: integer('attempts').notNull().default(0),
  nextAt: time('next_at'),
  createdAt: time('created_at').notNull().defaultNow(),
  finishedAt: time('finished_at'),
  history: json<DeliveryAttempt[]>('history').notNull().default([]),
}, (table) => [
  unique('webhook_deliveries_event').on(table.webhookId, table.eventId),
  foreignKey({ name: 'webhook_deliveries_webhook', columns: [table.orgId, table.webhookId], foreignColumns: [webhooks.orgId, webhooks.id] })
    .onDelete('cascade'),
]);

export const triggers = pgTable('triggers', {
  id: text('id').primaryKey(),
  orgId: text('org_id').notNull().references(() => organizations.id, { onDelete: 'cascade' }),
  name: text('name').notNull(),
  run: json<TriggeredRun>('run').notNull(),
  scheme: text('scheme').$type<SignatureScheme>().notNull(),
  input: json<unknown>('input').notNull(),
  eventIdAt: text('event_id_at'),
  enabled: boolean('enabled').notNull().default(true),
  tokenHash: text('token_hash').notNull(),
  previousTokenHash: text('previous_token_hash'),
  previousTokenUntil: time('previous_token_until'),
  lastEventAt: time('last_event_at'),
  createdAt: time('created_at').notNull().defaultNow(),
  updatedAt: time('updated_at').notNull().defaultNow(),
}, (table) => [unique('triggers_name').on(table.orgId, table.name)]);

export const signingSecrets = pgTable('signing_secrets', {
  id: text('id').primaryKey(),
  orgId: text('org_id').references(() => organizations.id, { onDelete: 'cascade' }),
  webhookId: text('webhook_id').references(() => webhooks.id, { onDelete: 'cascade' }),
  triggerId: text('trigger_id').references(() => triggers.id, { onDelete: 'cascade' }),
  keyId: text('key_id').notNull(),
  wrappedKey: bytes('wrapped_key').notNull(),
  sealedValue: bytes('sealed_value').notNull(),
  createdAt: time('created_at').notNull().defaultNow(),
  expiresAt: time('expires_at'),
});

export const deployments = pgTable('deployments', {
  orgId: text('org_id').notNull(),
  agent: text('agent').notNull(),
  name: text('name').notNull(),
  version: integer('version').notNull(),
  canary: json<Canary>('canary'),
  canaryStartedAt: time('canary_started_at'),
  canaryLooks: integer('canary_looks').notNull().default(0),
  revision: integer('revision').notNull().default(1),
  history: json<Deployment['history']>('history').notNull().default([]),
  lastRollback: json<NonNullable<Deployment['lastRollback']>>('last_rollback'),
  updatedAt: time('updated_at').notNull().defaultNow(),
}, (table) => [
  primaryKey({ columns: [table.orgId, table.agent, table.name] }),
  foreignKey({
    name: 'deployments_version', columns: [table.orgId, table.agent, table.version], foreignColumns: [agentVersions.orgId, agentVersions.agent, agentVersions.version],
  }).onDelete('cascade'),
]);

export const alertRules = pgTable('alert_rules', {
  id: text('id').primaryKey(),
  orgId: text('org_id').references(() => organizations.id, { onDelete: 'cascade' }),
  name: text('name').notNull(),
  measure: text('measure').$type<AlertMeasure>().notNull(),
  threshold: doublePrecision('threshold').notNull(),
  windowMs: bigint('window_ms', { mode: 'number' }).notNull(),
  forMs: bigint('for_ms', { mode: 'number' }).notNull(),
  severity: text('severity').$type<AlertSeverity>().notNull(),
  enabled: boolean('enabled').notNull(),
  createdAt: time('created_at').notNull().defaultNow(),
});

export const alerts = pgTable('alerts', {
  id: text('id').primaryKey(),
  ruleId: text('rule_id').notNull().references(() => alertRules.id, { onDelete: 'cascade' }),
  orgId: text('org_id').references(() => organizations.id, { onDelete: 'cascade' }),
  subject: text('subject').notNull(),
  state: text('state').$type<AlertState>().notNull(),
  value: doublePrecision('value').notNull(),
  threshold: doublePrecision('threshold').notNull(),
  reason: text('reason').notNull(),
  culpritOrgId: text('culprit_org_id'),
  silenced: boolean('silenced').notNull(),
  startedAt: time('started_at').notNull(),
  firingAt: time('firing_at'),
  resolvedAt: time('resolved_at'),
  belowSince: time('below_since'),
  acknowledgedAt: time('acknowledged_at'),
  acknowledgedBy: text('acknowledged_by'),
});

export const alertSilences = pgTable('alert_silences', {
  id: text('id').primaryKey(),
  orgId: text('org_id').references(() => organizations.id, { onDelete: 'cascade' }),
  ruleId: text('rule_id').references(() => alertRules.id, { onDelete: 'cascade' }),
  subject: text('subject'),
  untilAt: time('until_at').notNull(),
  reason: text('reason').notNull(),
  createdAt: time('created_at').notNull().defaultNow(),
});

export const secrets = pgTable('secrets', {
  orgId: text('org_id').notNull().references(() => organizations.id, { onDelete: 'cascade' }),
  name: text('name').notNull(),
  version: integer('version').notNull().default(1),
  keyId: text('key_id').notNull(),
  wrappedKey: bytes('wrapped_key').notNull(),
  sealedValue: bytes('sealed_value').notNull(),
  createdAt: time('created_at').notNull().defaultNow(),
  updatedAt: time('updated_at').notNull().defaultNow(),
}, (table) => [primaryKey({ columns: [table.orgId, table.name] })]);

export const agentEntries = pgTable('agent_entries', {
  orgId: text('org_id').notNull(),
  agent: text('agent').notNull(),
  key: text('key').notNull(),
  value: json<unknown>('value').notNull(),
  bytes: integer('bytes').notNull(),
  revision: bigint('revision', { mode: 'number' }).notNull(),
  updatedAt: time('updated_at').notNull().defaultNow(),
}, (table) => [
  primaryKey({ columns: [table.orgId, table.agent, table.key] }),
  foreignKey({ name: 'agent_entries_agent', columns: [table.orgId, table.agent], foreignColumns: [agents.orgId, agents.name] }).onDelete('cascade'),
]);
