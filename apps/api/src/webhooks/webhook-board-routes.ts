import { idSchema, webhookBoardSchema, webhookDeliverySchema } from '@bullpen/core';
import { adminReadWebhookBoard, replayDelivery } from '@bullpen/db';
import { z } from 'zod';

import { accepted, ok, route, type Route } from '../http/route.ts';
import type { WebhookRouteDeps } from './webhook-route-deps.ts';

const shared = { tag: 'operator', scope: 'operator' } as const;

/** What the operator's page shows of webhooks, and the one thing it does about them. */
export function webhookBoardRoutes({ db, clock }: WebhookRouteDeps): Route[] {
  return [
    route({
      ...shared, method: 'get', path: '/api/admin/webhooks', operationId: 'webhookBoard', permission: 'platform:read', summary: 'Webhooks of all organizations, and what did not arrive',
      answer: { statuses: { 200: 'endpoints and deliveries' }, schema: webhookBoardSchema },
      handle: async () => ok(await adminReadWebhookBoard(db, clock.nowMs())),
    }),
    route({
      ...shared, method: 'post', path: '/api/admin/webhooks/deliveries/{deliveryId}/replay', operationId: 'platformReplayDelivery', permission: 'platform:write', summary: 'Send a delivery of any organization again, now',
      params: z.strictObject({ deliveryId: idSchema('delivery') }), body: z.strictObject({}).optional(), audit: { target: ({ params }) => `webhook-delivery/${params.deliveryId}` },
      answer: { statuses: { 202: 'it is due' }, schema: webhookDeliverySchema }, errors: ['NOT_FOUND', 'WEBHOOK_DISABLED'],
      handle: async ({ params: { deliveryId } }) => accepted(await replayDelivery(db, null, deliveryId, clock.nowMs())),
    }),
  ];
}
