import { composeServices, messageOf, type Clock, type Logger, type Service } from '@bullpen/core';
import { adminGiveUpCrowds, adminListDueLanes, adminOldestDueAt, type Database, type DeliveryLane, type SigningSecrets } from '@bullpen/db';
import { createLaneQueue } from '@bullpen/queue';

import { periodic } from '../periodic.ts';
import type { WebhookDeliverer } from './webhook-deliverer.ts';

export interface WebhookKeeperDeps {
  db: Database;
  clock: Clock;
  log: Logger;
  deliverer: WebhookDeliverer;
  secrets: SigningSecrets;
  /** Of the run queue. */
  queue: { url: string; prefix: string };
  workerId: string;
  /** Deliveries that may wait for one endpoint. */
  mostPending: number;
  count: (outcome: 'crowded_out', count: number) => void;
}

export interface WebhookKeeper extends Service {
  /** How long the oldest delivery that is due has waited to be sent, as of a few seconds ago. */
  pendingAgeMs(): number;
}

const OFFER_MS = 500;
const AGE_MS = 5000;
const CROWDS_MS = 10_000;
const MOST_LANES = 1000;
/** Organizations that are served at once by a worker. */
const TURNS_AT_ONCE = { working: 32, failing: 16 };
/** No organization is called so. */
const PLATFORM = '-';

/**
 * Tells webhooks, in every worker. What is due stands in Postgres, where the statement put it that made it so; here organizations with something
 * due are offered to two queues, in each of which they take turns. Endpoints that fail are in the second: waiting for a dead one
 * takes a slot from others that fail, and none from those that work.
 */
export function createWebhookKeeper({ db, clock, log, deliverer, secrets, queue, workerId, mostPending, count }: WebhookKeeperDeps): WebhookKeeper {
  const laneQueue = (name: string, isFailing: boolean) => createLaneQueue({
    ...queue, name, workerName: workerId, log, concurrency: isFailing ? TURNS_AT_ONCE.failing : TURNS_AT_ONCE.working,
    act: (key) => deliverer.deliverSome({ orgId: key === PLATFORM ? null : key, isFailing }),
  });
  const working = laneQueue('webhooks', false);
  const failing = laneQueue('webhooks-failing', true);
  let pendingAgeMs = 0;
  const service = composeServices([
    sealing(secrets, log),
    working,
    failing,
    periodic('webhooks-offer', OFFER_MS, log, async () => {
      const due = await adminListDueLanes(db, clock.nowMs(), MOST_LANES);
      await Promise.all([working.offer(keysOf(due, false)), failing.offer(keysOf(due, true))]);
    }),
    periodic('webhooks-crowds', CROWDS_MS, log, async () => {
      for (const { webhookId, orgId, givenUp } of await adminGiveUpCrowds(db, mostPending, clock.nowMs())) {
        count('crowded_out', givenUp);
        log.warn({ webhookId, orgId, givenUp, mostPending }, 'webhook.crowded_out');
      }
    }),
    periodic('webhooks-age', AGE_MS, log, async () => {
      const oldest = await adminOldestDueAt(db);
      pendingAgeMs = oldest === null ? 0 : Math.max(0, clock.nowMs() - Date.parse(oldest));
    }),
  ]);
  return { ...service, pendingAgeMs: () => pendingAgeMs };
}

function keysOf(lanes: readonly DeliveryLane[], isFailing: boolean): string[] {
  return lanes.filter((lane) => lane.isFailing === isFailing).map(({ orgId }) => orgId ?? PLATFORM);
}

/** Secrets that were made before they were sealed are, at the first start of a worker that has a master key. */
function sealing(secrets: SigningSecrets, log: Logger): Service {
  return {
    async start() {
      await secrets.rewrapAll().catch((error: unknown) => log.warn({ reason: messageOf(error) }, 'webhooks.secrets_not_sealed'));
    },
    async quiesce() {},
    async stop() {},
  };
}
