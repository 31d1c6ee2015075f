import {
  apiKeyPageSchema, apiKeySchema, auditPageSchema, BullpenError, createdKeySchema, createKeySchema, idSchema, listAuditSchema, rotateKeySchema,
  whoAmISchema, type ApiKey, type Clock, type CreatedKey,
} from '@bullpen/core';
import { getApiKey, getOrganization, insertApiKey, listApiKeys, listAuditEntries, revokeApiKey, rotateApiKey, type Database } from '@bullpen/db';
import { z } from 'zod';

import { generateApiKey, type ApiKeys } from '../auth/api-keys.ts';
import { tenant } from '../auth/authenticate.ts';
import { pageQuerySchema } from '../http/page-query.ts';
import { created, ok, route, type Route } from '../http/route.ts';

export interface KeyRouteDeps {
  db: Database;
  keys: ApiKeys;
  clock: Clock;
}

const tag = 'keys';
const keyParams = z.strictObject({ id: idSchema('key') });
const createdAnswer = { statuses: { 201: 'the key with its secret, which is shown this once' }, schema: createdKeySchema };
const withoutSecret = ({ secret: _, ...key }: CreatedKey): ApiKey => key;

/** `/v1/keys`, `/v1/audit` and `/v1/whoami`. */
export function keyRoutes(deps: KeyRouteDeps): Route[] {
  return [createKeyRoute(deps), ...oneKeyRoutes(deps), ...readRoutes(deps)];
}

function createKeyRoute({ db, clock }: KeyRouteDeps): Route {
  return route({
    method: 'post', path: '/v1/keys', operationId: 'createKey', tag, scope: 'key', permission: 'keys:write',
    summary: 'Make a key', body: createKeySchema, answer: createdAnswer, errors: ['NOT_FOUND'], idempotency: 'kept',
    audit: { target: (_call, key) => `key/${key.id}`, orgId: (_call, key) => key.orgId, after: withoutSecret },
    async handle({ principal, body: { orgId: asked, name, role, expiresAt }, req }) {
      if (principal.role !== 'admin' && asked !== undefined && asked !== principal.orgId) {
        throw new BullpenError('FORBIDDEN', 'the key belongs to another organization');
      }
      requireFuture(expiresAt, clock);
      const orgId = asked ?? tenant(req, principal);
      await getOrganization(db, orgId);
      const { secret, ...made } = generateApiKey();
      const key = await insertApiKey(db, { ...made, orgId, name, role, createdBy: principal.keyId, expiresAt: expiresAt ?? null });
      return created(`/v1/keys/${key.id}`, { ...key, secret });
    },
  });
}

/** @throws BullpenError INVALID_REQUEST: a key that never works is a mistake of who asks for it. */
function requireFuture(expiresAt: string | undefined, clock: Clock): void {
  if (expiresAt === undefined || Date.parse(expiresAt) > clock.nowMs()) return;
  throw new BullpenError('INVALID_REQUEST', `the request is not valid: expiresAt: ${expiresAt} is over`, { issues: [{ path: 'expiresAt', message: 'a time to come' }] });
}

function oneKeyRoutes({ db, keys, clock }: KeyRouteDeps): Route[] {
  const shared = { tag, scope: 'organization', params: keyParams, errors: ['NOT_FOUND'] } as const;
  const target = ({ params }: { params: { id: string } }) => `key/${params.id}`;
  const before = ({ orgId, params }: { orgId: string; params: { id: string } }) => getApiKey(db, orgId, params.id);
  return [
    route({
      ...shared, method: 'get', path: '/v1/keys/{id}', operationId: 'getKey', permission: 'keys:read',
      summary: 'Get a key, without its secret', answer: { statuses: { 200: 'the key' }, schema: apiKeySchema },
      handle: async ({ orgId, params }) => ok(await getApiKey(db, orgId, params.id)),
    }),
    route({
      ...shared, method: 'post', path: '/v1/keys/{id}/rotate', operationId: 'rotateKey', permission: 'keys:write',
      summary: 'Put a new secret in the place of a key; the old one works for a while beside it', body: rotateKeySchema, answer: createdAnswer,
      idempotency: 'kept', audit: { target, before, after: withoutSecret },
      async handle({ orgId, params: { id }, body: { overlapMs, expiresAt }, principal }) {
        requireFuture(expiresAt, clock);
        const { name, role } = await getApiKey(db, orgId, id);
        const { secret, ...made } = generateApiKey();
        const oldExpiresAt = new Date(clock.nowMs() + overlapMs).toISOString();
        const key = await rotateApiKey(db, orgId, id, { ...made, orgId, name, role, createdBy: principal.keyId, expiresAt: expiresAt ?? null }, oldExpiresAt);
        keys.forget(id);
        return created(`/v1/keys/${key.id}`, { ...key, secret });
      },
    }),
    route({
      ...shared, method: 'delete', path: '/v1/keys/{id}', operationId: 'revokeKey', permission: 'keys:write',
      summary: 'Take a key away; all API processes obey within five seconds', answer: { statuses: { 200: 'the key as it is now' }, schema: apiKeySchema },
      audit: { target, before },
      async handle({ orgId, params: { id } }) {
        const key = await revokeApiKey(db, orgId, id);
        keys.forget(id);
        return ok(key);
      },
    }),
  ];
}

function readRoutes({ db }: KeyRouteDeps): Route[] {
  return [
    route({
      method: 'get', path: '/v1/keys', operationId: 'listKeys', tag, scope: 'organization', permission: 'keys:read',
      summary: 'List keys, newest first, without their secrets', query: pageQuerySchema,
      answer: { statuses: { 200: 'a page of keys' }, schema: apiKeyPageSchema },
      handle: async ({ orgId, query }) => ok(await listApiKeys(db, orgId, query)),
    }),
    route({
      method: 'get', path: '/v1/audit', operationId: 'listAuditEntries', tag, scope: 'organization', permission: 'audit:read',
      summary: 'List what was written to the organization and by which key, newest first', query: listAuditSchema,
      answer: { statuses: { 200: 'a page of writes, each with before and after' }, schema: auditPageSchema },
      handle: async ({ orgId, query }) => ok(await listAuditEntries(db, orgId, query)),
    }),
    route({
      method: 'get', path: '/v1/whoami', operationId: 'whoAmI', tag, scope: 'key', permission: 'self:read',
      summary: 'Say what this key is', answer: { statuses: { 200: 'the key, without its secret' }, schema: whoAmISchema },
      handle: ({ principal: { keyId, orgId, role, name } }) => ok({ keyId, orgId, role, name }),
    }),
  ];
}
