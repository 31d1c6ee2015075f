import { messageOf, type Clock, type Logger } from '@bullpen/core';
import { adminSettleDelivery, adminTakeDueDeliveries, type Database, type DueDelivery } from '@bullpen/db';

import { sendWebhook, type WebhookMessage, type WebhookOptions } from './webhook.ts';

export interface DeliveryDeps {
  db: Database;
  clock: Clock;
  log: Logger;
  webhooks: WebhookOptions;
  /** For tests. */
  send?: (message: WebhookMessage, options: WebhookOptions) => Promise<void>;
}

/** Longer than a request may take. */
const LEASE_MS = 60_000;
const AT_ONCE = 20;
const FIRST_RETRY_MS = 5000;
const LONGEST_RETRY_MS = 3_600_000;
/** With the waits above: about half a day. */
const MOST_ATTEMPTS = 20;

/**
 * Sends what is due, at least once: a delivery is taken for a minute, and who dies meanwhile leaves it to the next turn, with the
 * same webhook-id. Tried again with growing waits, then given up.
 *
 * @returns how many were tried
 */
export async function deliverAlerts(deps: DeliveryDeps): Promise<number> {
  const due = await adminTakeDueDeliveries(deps.db, deps.clock.nowMs(), LEASE_MS, AT_ONCE);
  await Promise.all(due.map((delivery) => deliverOne(deps, delivery)));
  return due.length;
}

async function deliverOne({ db, clock, log, webhooks, send = sendWebhook }: DeliveryDeps, { id, body, url, secret, attempts }: DueDelivery): Promise<void> {
  try {
    await send({ id, body, url, secret, timestampS: Math.floor(clock.nowMs() / 1000) }, webhooks);
    await adminSettleDelivery(db, id, { deliveredAtMs: clock.nowMs(), nextAttemptAtMs: null, error: null });
  } catch (error) {
    const isLast = attempts >= MOST_ATTEMPTS;
    const waitMs = Math.min(LONGEST_RETRY_MS, FIRST_RETRY_MS * 2 ** (attempts - 1));
    log.warn({ deliveryId: id, attempts, reason: messageOf(error), givenUp: isLast }, 'alerts.not_delivered');
    await adminSettleDelivery(db, id, { deliveredAtMs: null, nextAttemptAtMs: isLast ? null : clock.nowMs() + waitMs, error: messageOf(error).slice(0, 500) });
  }
}
