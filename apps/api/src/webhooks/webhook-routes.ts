import {
  changeWebhookSchema, createWebhookSchema, createdWebhookSchema, idSchema, newId, newSigningSecret, rotateSecretSchema, webhookListSchema, webhookSchema,
} from '@bullpen/core';
import {
  changeWebhook, deleteWebhook, getWebhook, insertWebhook, listWebhooks, rotateWebhookSecret,
} from '@bullpen/db';
import { z } from 'zod';

import { created, noContent, ok, route, type Route } from '../http/route.ts';
import { deliveryRoutes } from './delivery-routes.ts';
import { webhookBoardRoutes } from './webhook-board-routes.ts';
import type { WebhookRouteDeps } from './webhook-route-deps.ts';

type IdParams = { params: { id: string } };

const reading = { tag: 'webhooks', scope: 'organization', permission: 'webhooks:read' } as const;
const writing = { tag: 'webhooks', scope: 'organization', permission: 'webhooks:write' } as const;
const params = z.strictObject({ id: idSchema('webhook') });
const target = ({ params: { id } }: IdParams) => `webhook/${id}`;
const withoutSecret = <T extends { secret: unknown }>({ secret: _, ...rest }: T) => rest;

/** `/v1/webhooks`: who is told of what, with the log of telling them; and the operator's view of all of them. */
export function webhookRoutes(deps: WebhookRouteDeps): Route[] {
  return [...manyRoutes(deps), ...oneRoutes(deps), ...deliveryRoutes(deps), ...webhookBoardRoutes(deps)];
}

function manyRoutes({ db, signing }: WebhookRouteDeps): Route[] {
  return [
    route({
      ...writing, method: 'post', path: '/v1/webhooks', operationId: 'createWebhook', summary: 'Tell an address of events', body: createWebhookSchema, idempotency: 'kept',
      audit: { target: (_call, { id }) => `webhook/${id}`, after: withoutSecret }, errors: ['LIMIT_EXCEEDED', 'SECRETS_UNAVAILABLE'],
      answer: { statuses: { 201: 'the webhook; the secret that its deliveries are signed with is shown this once' }, schema: createdWebhookSchema },
      async handle({ orgId, body }) {
        const id = newId('webhook');
        const secret = newSigningSecret();
        const webhook = await insertWebhook(db, orgId, id, body, signing.seal(orgId, id, secret));
        return created(`/v1/webhooks/${id}`, { ...webhook, secret });
      },
    }),
    route({
      ...reading, method: 'get', path: '/v1/webhooks', operationId: 'listWebhooks', summary: 'List webhooks',
      answer: { statuses: { 200: 'all of them, oldest first' }, schema: webhookListSchema },
      handle: async ({ orgId }) => ok({ items: await listWebhooks(db, orgId) }),
    }),
  ];
}

function oneRoutes({ db, signing, clock }: WebhookRouteDeps): Route[] {
  const audit = { target, before: ({ orgId, params: { id } }: IdParams & { orgId: string }) => getWebhook(db, orgId, id) };
  return [
    route({
      ...reading, method: 'get', path: '/v1/webhooks/{id}', operationId: 'getWebhook', summary: 'Get a webhook', params,
      answer: { statuses: { 200: 'the webhook' }, schema: webhookSchema }, errors: ['NOT_FOUND'],
      handle: async ({ orgId, params: { id } }) => ok(await getWebhook(db, orgId, id)),
    }),
    route({
      ...writing, method: 'patch', path: '/v1/webhooks/{id}', operationId: 'changeWebhook', summary: 'Change, disable or enable a webhook', params, body: changeWebhookSchema, audit,
      answer: { statuses: { 200: 'the webhook as it is now' }, schema: webhookSchema }, errors: ['NOT_FOUND'],
      handle: async ({ orgId, params: { id }, body }) => ok(await changeWebhook(db, orgId, id, body, clock.nowMs())),
    }),
    route({
      ...writing, method: 'delete', path: '/v1/webhooks/{id}', operationId: 'deleteWebhook', summary: 'Delete a webhook, with the log of its deliveries', params, audit,
      answer: { statuses: { 204: 'it is gone' } }, errors: ['NOT_FOUND'],
      async handle({ orgId, params: { id } }) {
        await deleteWebhook(db, orgId, id);
        return noContent();
      },
    }),
    route({
      ...writing, method: 'post', path: '/v1/webhooks/{id}/rotate', operationId: 'rotateWebhookSecret', summary: 'Put a new secret beside the one that deliveries are signed with', params,
      body: rotateSecretSchema, idempotency: 'kept', audit: { target, after: withoutSecret }, errors: ['NOT_FOUND', 'SECRETS_UNAVAILABLE'],
      answer: { statuses: { 200: 'the webhook, with its new secret; deliveries are signed with both until the old one ends' }, schema: createdWebhookSchema },
      async handle({ orgId, params: { id }, body: { overlapMs } }) {
        const secret = newSigningSecret();
        await rotateWebhookSecret(db, orgId, id, signing.seal(orgId, id, secret), clock.nowMs() + overlapMs);
        return ok({ ...await getWebhook(db, orgId, id), secret });
      },
    }),
  ];
}
