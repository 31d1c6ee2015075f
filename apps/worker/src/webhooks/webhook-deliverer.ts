import { messageOf, signStandardWebhook, type Clock, type Faults, type Logger } from '@bullpen/core';
import {
  adminDisableWebhook, adminSettleDelivery, adminTakeDeliveries, type Database, type DeliveryLane, type SigningSecrets, type TakenDelivery,
} from '@bullpen/db';
import type { DeliveryCount } from '@bullpen/metrics';
import type { GuardedPost } from '@bullpen/runtime';

import { judgeAttempt, type AttemptResult, type Verdict } from './judge-attempt.ts';

export interface WebhookDelivererDeps {
  db: Database;
  secrets: SigningSecrets;
  post: GuardedPost;
  clock: Clock;
  log: Logger;
  faults: Faults;
  random: () => number;
  count: (outcome: DeliveryCount) => void;
}

/** Longer than an attempt may take: who takes deliveries and dies leaves them to the next after so long. */
const LEASE_MS = 60_000;
/** Of one endpoint at once; of one that fails, one: it is not to be stormed, nor waited for by many. */
const AT_ONCE = { working: 5, failing: 1 };
/** Of one organization in a turn. */
const MOST_IN_TURN = 20;

/**
 * Sends what is due. At least once: what was taken and not settled is sent again, with the same `webhook-id`. What one endpoint does is
 * nothing to another: each delivery of a turn is its own.
 */
export class WebhookDeliverer {
  readonly #deps: WebhookDelivererDeps;

  constructor(deps: WebhookDelivererDeps) {
    this.#deps = deps;
  }

  /** A turn of a lane. @returns whether there may be more */
  async deliverSome(lane: DeliveryLane): Promise<boolean> {
    const { db, clock, secrets, faults } = this.#deps;
    const nowMs = clock.nowMs();
    const perWebhook = lane.isFailing ? AT_ONCE.failing : AT_ONCE.working;
    const taken = await adminTakeDeliveries(db, lane, { nowMs, leaseMs: LEASE_MS, perWebhook, limit: MOST_IN_TURN });
    if (taken.length === 0) return false;
    await faults.hit('after-webhook-taken');
    const signing = await secrets.read([...new Set(taken.map(({ webhookId }) => webhookId))], nowMs);
    await Promise.all(taken.map((delivery) => this.#deliver(delivery, signing.get(delivery.webhookId) ?? [])));
    return true;
  }

  async #deliver(taken: TakenDelivery, secrets: readonly string[]): Promise<void> {
    const { clock, random, faults } = this.#deps;
    const [startedAtMs, from] = [clock.nowMs(), clock.monotonicMs()];
    const result = await this.#send(taken, secrets, startedAtMs);
    await faults.hit('after-webhook-sent');
    await this.#settle(taken, judgeAttempt(taken, result, { startedAtMs, durationMs: clock.monotonicMs() - from, random: random() }));
  }

  async #send({ eventId: id, body, url }: TakenDelivery, secrets: readonly string[], nowMs: number): Promise<AttemptResult> {
    try {
      const timestampS = Math.floor(nowMs / 1000);
      const headers = {
        'content-type': 'application/json', 'user-agent': 'bullpen-webhooks/1',
        'webhook-id': id, 'webhook-timestamp': String(timestampS), 'webhook-signature': await signStandardWebhook({ id, timestampS, body }, secrets),
      };
      return { kind: 'answered', answer: await this.#deps.post({ url: new URL(url), headers, body }) };
    } catch (error) {
      return { kind: 'unanswered', reason: messageOf(error) };
    }
  }

  async #settle(taken: TakenDelivery, { attempt, outcome, disable }: Verdict): Promise<void> {
    const { db, clock, log, count } = this.#deps;
    await adminSettleDelivery(db, taken, attempt, outcome);
    count(outcome.kind === 'retry' ? 'retried' : outcome.kind);
    const facts = { deliveryId: taken.id, webhookId: taken.webhookId, orgId: taken.orgId, attempts: taken.attempts, status: attempt.status, ms: attempt.durationMs };
    if (outcome.kind === 'delivered') log.debug(facts, 'webhook.delivered');
    else log.info({ ...facts, reason: attempt.error, givenUp: outcome.kind === 'given_up' }, 'webhook.not_delivered');
    if (disable === null || !await adminDisableWebhook(db, taken.webhookId, disable, clock.nowMs())) return;
    count('disabled');
    log.warn({ webhookId: taken.webhookId, orgId: taken.orgId, reason: disable }, 'webhook.disabled');
  }
}
