import {
  deliveryParamsSchema, idSchema, listDeliveriesSchema, replayDeliveriesSchema, replayedDeliveriesSchema, webhookDeliveryDetailSchema,
  webhookDeliveryPageSchema, webhookDeliverySchema,
} from '@bullpen/core';
import { getDelivery, insertTestDelivery, listDeliveries, replayDelivery, replayFailedDeliveries } from '@bullpen/db';
import { z } from 'zod';

import { accepted, ok, route, type Route } from '../http/route.ts';
import type { WebhookRouteDeps } from './webhook-route-deps.ts';

const shared = { tag: 'webhooks', scope: 'organization' } as const;
const reading = { ...shared, permission: 'webhooks:read' } as const;
const operating = { ...shared, permission: 'webhooks:operate' } as const;
const params = z.strictObject({ id: idSchema('webhook') });
const target = ({ params: { id } }: { params: { id: string } }) => `webhook/${id}`;
const ofDelivery = ({ params: { deliveryId } }: { params: { deliveryId: string } }) => `webhook-delivery/${deliveryId}`;

/** `/v1/webhooks/{id}/deliveries`: what became of telling a webhook, and telling it again. */
export function deliveryRoutes({ db, clock }: WebhookRouteDeps): Route[] {
  return [
    route({
      ...reading, method: 'get', path: '/v1/webhooks/{id}/deliveries', operationId: 'listDeliveries', summary: 'List deliveries, newest first', params, query: listDeliveriesSchema,
      answer: { statuses: { 200: 'a page of deliveries' }, schema: webhookDeliveryPageSchema }, errors: ['NOT_FOUND'],
      handle: async ({ orgId, params: { id }, query }) => ok(await listDeliveries(db, orgId, id, query)),
    }),
    route({
      ...reading, method: 'get', path: '/v1/webhooks/{id}/deliveries/{deliveryId}', operationId: 'getDelivery', summary: 'Get a delivery, with what was sent and every attempt', params: deliveryParamsSchema,
      answer: { statuses: { 200: 'the delivery' }, schema: webhookDeliveryDetailSchema }, errors: ['NOT_FOUND'],
      handle: async ({ orgId, params: { id, deliveryId } }) => ok(await getDelivery(db, orgId, id, deliveryId)),
    }),
    route({
      ...operating, method: 'post', path: '/v1/webhooks/{id}/deliveries/{deliveryId}/replay', operationId: 'replayDelivery', summary: 'Send a delivery again, now', params: deliveryParamsSchema,
      body: z.strictObject({}).optional(), audit: { target: ofDelivery }, answer: { statuses: { 202: 'it is due' }, schema: webhookDeliverySchema }, errors: ['NOT_FOUND', 'WEBHOOK_DISABLED'],
      async handle({ orgId, params: { id, deliveryId } }) {
        await getDelivery(db, orgId, id, deliveryId);
        return accepted(await replayDelivery(db, orgId, deliveryId, clock.nowMs()));
      },
    }),
    route({
      ...operating, method: 'post', path: '/v1/webhooks/{id}/replay', operationId: 'replayFailedDeliveries', summary: 'Send again all that was given up since then', params, body: replayDeliveriesSchema,
      audit: { target }, answer: { statuses: { 202: 'how many are due again' }, schema: replayedDeliveriesSchema }, errors: ['NOT_FOUND', 'WEBHOOK_DISABLED'],
      handle: async ({ orgId, params: { id }, body: { since } }) => accepted({ replayed: await replayFailedDeliveries(db, orgId, id, since, clock.nowMs()) }),
    }),
    route({
      ...operating, method: 'post', path: '/v1/webhooks/{id}/test', operationId: 'testWebhook', summary: 'Send an event of type `webhook.test`', params, body: z.strictObject({}).optional(),
      audit: { target }, answer: { statuses: { 202: 'the delivery, which is due' }, schema: webhookDeliverySchema }, errors: ['NOT_FOUND', 'WEBHOOK_DISABLED'],
      handle: async ({ orgId, params: { id } }) => accepted(await insertTestDelivery(db, orgId, id, clock.nowMs())),
    }),
  ];
}
