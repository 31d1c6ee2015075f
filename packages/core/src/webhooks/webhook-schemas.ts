import { z } from 'zod';

import { idSchema, nullableTimeSchema, orgIdSchema, pageSchema, textSchema, timeSchema, cursorSchema, pageLimitSchema } from '../fields.ts';
import { TERMINAL_RUN_STATES } from '../run-state.ts';

/** Webhooks out: addresses that are told of events, and what became of telling them. */

export const WEBHOOK_BOUNDS = Object.freeze({
  perOrganization: 50,
  /** Of an answer's body, kept for the log. */
  excerptChars: 500,
  /** An endpoint of which nothing has arrived for so long is disabled, once a delivery has been given up. */
  disableAfterMs: 3 * 86_400_000,
});

const runEventTypes = TERMINAL_RUN_STATES.map((state) => `run.${state}` as const);

/** Everything that an endpoint may be told of. `webhook.test` comes when asked for, to whom it was asked for. */
export const WEBHOOK_EVENT_TYPES = [
  ...runEventTypes, 'alert.firing', 'alert.resolved', 'deployment.changed', 'deployment.rolled_back', 'webhook.disabled', 'webhook.test',
] as const;
export type WebhookEventType = (typeof WEBHOOK_EVENT_TYPES)[number];

/** A type, or all of a kind. */
export const webhookEventFilterSchema = z.enum([...WEBHOOK_EVENT_TYPES, 'run.*', 'alert.*', 'deployment.*', 'webhook.*']);
export type WebhookEventFilter = z.output<typeof webhookEventFilterSchema>;

const webhookFields = {
  url: z.url({ protocol: /^https?$/ }).max(2048).refine((url) => url.isWellFormed() && !/\s/.test(url), 'no white space')
    .refine((url) => !URL.canParse(url) || (new URL(url).username === '' && new URL(url).password === ''), 'no user and no password: deliveries are signed')
    .describe('where events are posted to; an address outside, unless the operator opened a private range'),
  description: textSchema.max(500).describe('for people'),
  eventTypes: z.array(webhookEventFilterSchema).min(1).max(50).describe('what it is told of: types, or all of a kind, such as `run.*`'),
};

/** Body of `POST /v1/webhooks`. */
export const createWebhookSchema = z.strictObject({ ...webhookFields, description: webhookFields.description.default('') }).meta({ id: 'CreateWebhook' });
export type CreateWebhookRequest = z.input<typeof createWebhookSchema>;
export type CreateWebhook = z.output<typeof createWebhookSchema>;

/** Body of `PATCH /v1/webhooks/{id}`: what is left out stays. */
export const changeWebhookSchema = z.strictObject({ ...webhookFields, enabled: z.boolean().describe('false: it is told nothing, and what waits is given up') }).partial();
export type ChangeWebhook = z.output<typeof changeWebhookSchema>;

export const webhookSchema = z.strictObject({
  id: z.string(),
  orgId: orgIdSchema,
  ...webhookFields,
  alertRuleId: z.string().nullable().describe('it is told of the alerts of this rule only, and goes with it'),
  failingSince: nullableTimeSchema.describe('since when nothing has arrived; null while the last delivery did'),
  disabledAt: nullableTimeSchema,
  disabledReason: z.string().nullable().describe('by its owner, since its address is gone (410), or since it failed for days'),
  createdAt: timeSchema,
  updatedAt: timeSchema,
}).meta({ id: 'Webhook' });
export type Webhook = z.output<typeof webhookSchema>;
export const webhookListSchema = z.strictObject({ items: z.array(webhookSchema) });

const secretSchema = z.string().describe('what deliveries are signed with (`whsec_` and base64); the only time it is shown');
export const createdWebhookSchema = webhookSchema.extend({ secret: secretSchema }).meta({ id: 'CreatedWebhook' });
export type CreatedWebhook = z.output<typeof createdWebhookSchema>;

const DAY_MS = 86_400_000;
/** For how long the secret before goes on beside the new one. */
export const overlapMsSchema = z.int().min(0).max(30 * DAY_MS).default(DAY_MS).describe('how long the old secret is still good beside the new one, ms');
/** Body of `POST /v1/webhooks/{id}/rotate`. */
export const rotateSecretSchema = z.strictObject({ overlapMs: overlapMsSchema });
export type RotateSecretRequest = z.input<typeof rotateSecretSchema>;

export const DELIVERY_STATES = ['pending', 'delivered', 'failed'] as const;
export type DeliveryState = (typeof DELIVERY_STATES)[number];

export const deliveryAttemptSchema = z.strictObject({
  at: timeSchema,
  status: z.int().nullable().describe('of the answer; null where there was none'),
  durationMs: z.int(),
  error: z.string().nullable(),
  excerpt: z.string().nullable().describe('how the body of the answer begins'),
});
export type DeliveryAttempt = z.output<typeof deliveryAttemptSchema>;

export const webhookDeliverySchema = z.strictObject({
  id: z.string(),
  webhookId: z.string(),
  eventId: z.string().describe('sent as `webhook-id`, the same in every attempt'),
  eventType: z.string(),
  state: z.enum(DELIVERY_STATES),
  attempts: z.int(),
  last: deliveryAttemptSchema.nullable().describe('the last attempt'),
  nextAt: nullableTimeSchema.describe('when it is tried next; null when it is over'),
  createdAt: timeSchema.describe('when the event happened'),
  finishedAt: nullableTimeSchema,
}).meta({ id: 'WebhookDelivery' });
export type WebhookDelivery = z.output<typeof webhookDeliverySchema>;
export const webhookDeliveryPageSchema = pageSchema(webhookDeliverySchema);
export type WebhookDeliveryPage = z.output<typeof webhookDeliveryPageSchema>;

export const webhookDeliveryDetailSchema = webhookDeliverySchema.extend({
  history: z.array(deliveryAttemptSchema).describe('the latest attempts, oldest first'),
  payload: z.unknown().describe('the body that is signed and sent'),
}).meta({ id: 'WebhookDeliveryDetail' });
export type WebhookDeliveryDetail = z.output<typeof webhookDeliveryDetailSchema>;

/** Query of `GET /v1/webhooks/{id}/deliveries`. */
export const listDeliveriesSchema = z.strictObject({ state: z.enum(DELIVERY_STATES).optional(), cursor: cursorSchema.optional(), limit: pageLimitSchema });
export type ListDeliveries = z.output<typeof listDeliveriesSchema>;

/** Body of `POST /v1/webhooks/{id}/replay`: everything that failed since then. */
export const replayDeliveriesSchema = z.strictObject({ since: timeSchema });
export const replayedDeliveriesSchema = z.strictObject({ replayed: z.int().describe('deliveries that are tried again') });
export type ReplayedDeliveries = z.output<typeof replayedDeliveriesSchema>;

export const deliveryParamsSchema = z.strictObject({ id: idSchema('webhook'), deliveryId: idSchema('delivery') });

/** What the operator sees of one endpoint. */
export const webhookHealthSchema = z.strictObject({
  id: z.string(),
  orgId: orgIdSchema.nullable().describe('null: of a rule of the platform'),
  url: z.string().describe('without what follows the path'),
  eventTypes: z.array(z.string()),
  pending: z.int().describe('deliveries that wait, up to 1,000'),
  oldestPendingAt: nullableTimeSchema,
  failedLastDay: z.int().describe('given up in the last 24 hours, up to 1,000'),
  failingSince: nullableTimeSchema,
  disabledAt: nullableTimeSchema,
  disabledReason: z.string().nullable(),
});
export type WebhookHealth = z.output<typeof webhookHealthSchema>;
/** Body of a delivery that the operator sees: whose it is beside what it is. */
export const operatorDeliverySchema = webhookDeliverySchema.extend({ orgId: orgIdSchema.nullable() });
export type OperatorDelivery = z.output<typeof operatorDeliverySchema>;
/** Answer of `GET /api/admin/webhooks`. */
export const webhookBoardSchema = z.strictObject({
  endpoints: z.array(webhookHealthSchema).describe('those in trouble first, at most 200'),
  deliveries: z.array(operatorDeliverySchema).describe('the latest that failed or are tried again, at most 50'),
});
export type WebhookBoard = z.output<typeof webhookBoardSchema>;

/** What arrives at an endpoint. `data` differs by type: docs/webhooks.md. */
export interface WebhookEvent<Data = Record<string, unknown>> {
  readonly type: WebhookEventType;
  /** When it happened, ISO 8601. */
  readonly timestamp: string;
  readonly data: Data;
}
