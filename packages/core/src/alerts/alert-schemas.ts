import { z } from 'zod';

import { nullableTimeSchema, orgIdSchema, textSchema, timeSchema } from '../fields.ts';

/** What a rule may watch. The worse, the larger. */
export const ALERT_MEASURES = [
  'error_ratio', 'queue_wait_p95_ms', 'pool_saturation', 'kills', 'container_faults', 'heartbeat_age_ms', 'starved_ms', 'resource_seconds',
  'webhooks_disabled',
] as const;
export type AlertMeasure = (typeof ALERT_MEASURES)[number];

export const ALERT_SEVERITIES = ['info', 'warning', 'critical'] as const;
export type AlertSeverity = (typeof ALERT_SEVERITIES)[number];

export const ALERT_STATES = ['pending', 'firing', 'resolved'] as const;
export type AlertState = (typeof ALERT_STATES)[number];

const measureSchema = z.enum(ALERT_MEASURES).describe(
  'error_ratio: failures over runs of the window; queue_wait_p95_ms; pool_saturation: reserved over pool, mean of the window; kills: runs a limit ended; '
  + 'container_faults: containers that ended for a fault; heartbeat_age_ms: of a worker (platform only); starved_ms: how long the oldest run has waited '
  + 'although its organization is at no limit of its own; resource_seconds: used in the window, a budget; webhooks_disabled: endpoints that were given up in the window, '
  + 'since they are gone or failed for days',
);
const LONGEST_WINDOW_MS = 31 * 86_400_000;
const webhookUrlSchema = z.url({ protocol: /^https?$/ }).max(2000);

/** Body of `POST /v1/alert-rules`, and of the platform's `POST /api/admin/alert-rules`. */
export const createAlertRuleSchema = z.strictObject({
  name: textSchema.min(1).max(100),
  measure: measureSchema,
  threshold: z.number().min(0).describe('an alert begins above it'),
  windowMs: z.int().min(60_000).max(LONGEST_WINDOW_MS).default(300_000),
  forMs: z.int().min(0).max(86_400_000).default(60_000).describe('above the threshold for so long before it fires'),
  severity: z.enum(ALERT_SEVERITIES).default('warning'),
  enabled: z.boolean().default(true),
  webhookUrl: webhookUrlSchema.nullable().default(null).describe('told when an alert fires and when it is resolved'),
});
export type CreateAlertRule = z.output<typeof createAlertRuleSchema>;
export type CreateAlertRuleRequest = z.input<typeof createAlertRuleSchema>;

export const alertRuleSchema = createAlertRuleSchema.extend({
  id: z.string(),
  orgId: orgIdSchema.nullable().describe('null: a rule of the platform, watched for each organization, or worker'),
  createdAt: timeSchema,
});
export type AlertRule = z.output<typeof alertRuleSchema>;

export const createdAlertRuleSchema = alertRuleSchema.extend({ secret: z.string().nullable().describe('what deliveries are signed with; the only time it is shown') });

export type CreatedAlertRule = z.output<typeof createdAlertRuleSchema>;

export const alertSchema = z.strictObject({
  id: z.string(),
  ruleId: z.string(),
  rule: z.string().describe('its name'),
  orgId: orgIdSchema.nullable(),
  subject: z.string().describe('the organization, worker or system it is about'),
  measure: z.enum(ALERT_MEASURES),
  severity: z.enum(ALERT_SEVERITIES),
  state: z.enum(ALERT_STATES),
  value: z.number(),
  threshold: z.number(),
  reason: z.string(),
  culpritOrgId: orgIdSchema.nullable().describe('who holds what the subject waits for; told to the platform only'),
  silenced: z.boolean(),
  startedAt: timeSchema,
  firingAt: nullableTimeSchema,
  resolvedAt: nullableTimeSchema,
  acknowledgedAt: nullableTimeSchema,
  acknowledgedBy: z.string().nullable(),
});
export type Alert = z.output<typeof alertSchema>;

export const listAlertsSchema = z.strictObject({ state: z.enum(['open', 'resolved', 'all']).default('open'), limit: z.coerce.number().int().min(1).max(500).default(100) });


export const acknowledgeSchema = z.strictObject({ by: textSchema.min(1).max(100).default('api') });

/** Nothing is delivered of what a silence covers; the alerts themselves go on. */
export const createSilenceSchema = z.strictObject({
  ruleId: z.string().max(100).nullable().default(null).describe('null: all rules'),
  subject: z.string().max(100).nullable().default(null).describe('null: all subjects'),
  minutes: z.int().min(1).max(43_200),
  reason: textSchema.max(500).default(''),
});
export type CreateSilence = z.output<typeof createSilenceSchema>;
export type CreateSilenceRequest = z.input<typeof createSilenceSchema>;

export const alertSilenceSchema = z.strictObject({
  id: z.string(), orgId: orgIdSchema.nullable(), ruleId: z.string().nullable(), subject: z.string().nullable(), until: timeSchema, reason: z.string(), createdAt: timeSchema,
});
export type AlertSilence = z.output<typeof alertSilenceSchema>;
