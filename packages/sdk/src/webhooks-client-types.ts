import type {
  ChangeTriggerRequest, ChangeWebhook, CreateTriggerRequest, CreateWebhookRequest, CreatedTrigger, CreatedWebhook, DeliveryState, ReplayedDeliveries,
  RotateSecretRequest, RotateTriggerRequest, RotatedTrigger, Trigger, Webhook, WebhookDelivery, WebhookDeliveryDetail, WebhookDeliveryPage,
} from '@bullpen/core';

import type { CallOptions, PageOptions } from './call-options.ts';

/** Webhooks out: who is told of what, and what became of telling them. */
export interface WebhooksClient {
  /** The answer holds the secret that deliveries are signed with; it is shown this once. */
  create(request: CreateWebhookRequest, options?: CallOptions): Promise<CreatedWebhook>;
  list(options?: CallOptions): Promise<{ items: Webhook[] }>;
  get(id: string, options?: CallOptions): Promise<Webhook>;
  /** `enabled: false` gives up what waits; `true` lets a disabled one be told again. */
  update(id: string, change: ChangeWebhook, options?: CallOptions): Promise<Webhook>;
  delete(id: string, options?: CallOptions): Promise<void>;
  /** A new secret; deliveries are signed with both for `overlapMs`, a day where left out. */
  rotate(id: string, request?: RotateSecretRequest, options?: CallOptions): Promise<CreatedWebhook>;
  /** Sends it an event of type `webhook.test`. */
  test(id: string, options?: CallOptions): Promise<WebhookDelivery>;
  /** Newest first. */
  deliveries(id: string, options?: PageOptions & { state?: DeliveryState | undefined }): Promise<WebhookDeliveryPage>;
  /** With what was sent, and every attempt. */
  delivery(id: string, deliveryId: string, options?: CallOptions): Promise<WebhookDeliveryDetail>;
  /** Sends a delivery again, with the same `webhook-id`. */
  replay(id: string, deliveryId: string, options?: CallOptions): Promise<WebhookDelivery>;
  /** Sends again all that was given up since then. */
  replayFailed(id: string, since: Date | string, options?: CallOptions): Promise<ReplayedDeliveries>;
}

/** Webhooks in: addresses at which events become runs. */
export interface TriggersClient {
  /** The answer holds the URL to post to, and the secret that events are signed with; both are shown this once. */
  create(request: CreateTriggerRequest, options?: CallOptions): Promise<CreatedTrigger>;
  list(options?: CallOptions): Promise<{ items: Trigger[] }>;
  get(name: string, options?: CallOptions): Promise<Trigger>;
  update(name: string, change: ChangeTriggerRequest, options?: CallOptions): Promise<Trigger>;
  enable(name: string, options?: CallOptions): Promise<Trigger>;
  /** Events are answered with 410. */
  disable(name: string, options?: CallOptions): Promise<Trigger>;
  /** A new secret, or a new URL; the old one is good beside it for `overlapMs`, a day where left out. */
  rotate(name: string, request?: RotateTriggerRequest, options?: CallOptions): Promise<RotatedTrigger>;
  delete(name: string, options?: CallOptions): Promise<void>;
}
