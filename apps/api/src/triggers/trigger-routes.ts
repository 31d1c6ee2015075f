import { changeTriggerSchema, createTriggerSchema, createdTriggerSchema, rotateTriggerSchema, rotatedTriggerSchema, triggerListSchema, triggerNameSchema, triggerSchema } from '@bullpen/core';
import { changeTrigger, deleteTrigger, getTrigger, listTriggers } from '@bullpen/db';
import type { Request } from 'express';
import { z } from 'zod';

import { created, noContent, ok, route, type Route } from '../http/route.ts';
import { eventRoute } from './event-route.ts';
import type { EventIntakeDeps } from './event-intake.ts';
import { TriggerService, type TriggerServiceDeps } from './trigger-service.ts';

export type TriggerRouteDeps = TriggerServiceDeps & EventIntakeDeps & {
  /** What URLs of triggers begin with; undefined: as the caller reached us. */
  publicUrl: string | undefined;
};

type NameParams = { params: { name: string } };

const tag = 'triggers';
const reading = { tag, scope: 'organization', permission: 'triggers:read' } as const;
const writing = { tag, scope: 'organization', permission: 'triggers:write' } as const;
const params = z.strictObject({ name: triggerNameSchema });
const target = ({ params: { name } }: NameParams) => `trigger/${name}`;
const withoutSecrets = <T extends { secret: unknown; url: unknown }>({ secret: _secret, url: _url, ...rest }: T) => rest;
const RUN_ERRORS = ['AGENT_NOT_FOUND', 'NOT_FOUND', 'TIER_UNAVAILABLE', 'TIER_BELOW_MINIMUM', 'LIMIT_EXCEEDED', 'INPUT_TOO_LARGE'] as const;

/** `/v1/triggers`, and the addresses at which events arrive. */
export function triggerRoutes(deps: TriggerRouteDeps): Route[] {
  const triggers = new TriggerService(deps);
  return [...manyRoutes(deps, triggers), ...oneRoutes(deps, triggers), eventRoute(deps)];
}

function manyRoutes({ db, publicUrl }: TriggerRouteDeps, triggers: TriggerService): Route[] {
  return [
    route({
      ...writing, method: 'post', path: '/v1/triggers', operationId: 'createTrigger', summary: 'Make an address at which events become runs', body: createTriggerSchema, idempotency: 'kept',
      audit: { target: ({ body }) => `trigger/${body.name}`, after: withoutSecrets }, errors: ['ALREADY_EXISTS', 'SECRETS_UNAVAILABLE', ...RUN_ERRORS],
      answer: { statuses: { 201: 'the trigger; its URL and the secret that events are signed with are shown this once' }, schema: createdTriggerSchema },
      async handle({ orgId, body, req }) {
        const trigger = await triggers.create(orgId, body, publicUrl ?? originOf(req));
        return created(`/v1/triggers/${trigger.name}`, trigger);
      },
    }),
    route({
      ...reading, method: 'get', path: '/v1/triggers', operationId: 'listTriggers', summary: 'List triggers',
      answer: { statuses: { 200: 'all of them, by name' }, schema: triggerListSchema },
      handle: async ({ orgId }) => ok({ items: await listTriggers(db, orgId) }),
    }),
  ];
}

function oneRoutes({ db, clock, publicUrl }: TriggerRouteDeps, triggers: TriggerService): Route[] {
  const audit = { target, before: ({ orgId, params: { name } }: NameParams & { orgId: string }) => getTrigger(db, orgId, name) };
  return [
    route({
      ...reading, method: 'get', path: '/v1/triggers/{name}', operationId: 'getTrigger', summary: 'Get a trigger', params,
      answer: { statuses: { 200: 'the trigger' }, schema: triggerSchema }, errors: ['NOT_FOUND'],
      handle: async ({ orgId, params: { name } }) => ok(await getTrigger(db, orgId, name)),
    }),
    route({
      ...writing, method: 'patch', path: '/v1/triggers/{name}', operationId: 'changeTrigger', summary: 'Change, disable or enable a trigger', params, body: changeTriggerSchema, audit,
      answer: { statuses: { 200: 'the trigger as it is now' }, schema: triggerSchema }, errors: [...RUN_ERRORS],
      async handle({ orgId, params: { name }, body }) {
        if (body.run !== undefined) await triggers.checkRun(orgId, body.run);
        return ok(await changeTrigger(db, orgId, name, body, clock.nowMs()));
      },
    }),
    route({
      ...writing, method: 'delete', path: '/v1/triggers/{name}', operationId: 'deleteTrigger', summary: 'Delete a trigger', params, audit,
      answer: { statuses: { 204: 'it is gone' } }, errors: ['NOT_FOUND'],
      async handle({ orgId, params: { name } }) {
        await deleteTrigger(db, orgId, name);
        return noContent();
      },
    }),
    route({
      ...writing, method: 'post', path: '/v1/triggers/{name}/rotate', operationId: 'rotateTrigger', summary: 'Put a new secret, or a new URL, beside the old one', params, body: rotateTriggerSchema,
      idempotency: 'kept', audit: { target, after: withoutSecrets }, errors: ['NOT_FOUND', 'SECRETS_UNAVAILABLE'],
      answer: { statuses: { 200: 'the trigger, with what is new; the old one is good beside it for a while' }, schema: rotatedTriggerSchema },
      handle: async ({ orgId, params: { name }, body, req }) => ok(await triggers.rotate(orgId, name, body, publicUrl ?? originOf(req))),
    }),
  ];
}

/** As the caller reached us: a URL that works for whoever made the trigger, behind no proxy. */
function originOf(req: Request): string {
  return `${req.protocol}://${req.get('host') ?? 'localhost'}`;
}
