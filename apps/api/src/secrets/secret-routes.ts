import { putSecretSchema, rewrapResultSchema, secretListSchema, secretNameSchema, secretSchema } from '@bullpen/core';
import type { SecretStore, SigningSecrets } from '@bullpen/db';
import { z } from 'zod';

import { noContent, ok, route, type Route } from '../http/route.ts';

const tag = 'secrets';
const secretParams = z.strictObject({ name: secretNameSchema });
const reading = { tag, scope: 'organization', permission: 'secrets:read' } as const;
const writing = { tag, scope: 'organization', permission: 'secrets:write' } as const;
const target = ({ params }: { params: { name: string } }) => `secret/${params.name}`;

/** `/v1/secrets`: written and deleted here, listed by name, never read back; and the operator's change of the master key. */
export function secretRoutes({ secrets, signing }: { secrets: SecretStore; signing: SigningSecrets }): Route[] {
  return [
    route({
      ...reading, method: 'get', path: '/v1/secrets', operationId: 'listSecrets', summary: 'List the names of secrets',
      answer: { statuses: { 200: 'names and versions' }, schema: secretListSchema },
      handle: async ({ orgId }) => ok({ items: await secrets.list(orgId) }),
    }),
    route({
      ...writing, method: 'put', path: '/v1/secrets/{name}', operationId: 'putSecret', summary: 'Set a secret, or give it a new value',
      params: secretParams, body: putSecretSchema, audit: { target },
      answer: { statuses: { 200: 'it has a new value', 201: 'it is new' }, schema: secretSchema }, errors: ['LIMIT_EXCEEDED'],
      async handle({ orgId, params, body }) {
        const secret = await secrets.put(orgId, params.name, body.value);
        return { status: secret.version === 1 ? 201 : 200, body: secret };
      },
    }),
    route({
      ...writing, method: 'delete', path: '/v1/secrets/{name}', operationId: 'deleteSecret', summary: 'Delete a secret',
      params: secretParams, audit: { target }, answer: { statuses: { 204: 'it is gone' } }, errors: ['NOT_FOUND'],
      async handle({ orgId, params }) {
        await secrets.delete(orgId, params.name);
        return noContent();
      },
    }),
    route({
      method: 'post', path: '/api/admin/secrets/rewrap', operationId: 'rewrapSecrets', tag, scope: 'operator', permission: 'platform:write',
      summary: 'Seal every secret under the newest master key', body: z.strictObject({}).optional(), audit: { target: () => 'secrets' },
      answer: { statuses: { 200: 'how many were sealed anew' }, schema: rewrapResultSchema },
      async handle() {
        const { keyId, rewrapped } = await secrets.rewrapAll();
        return ok({ keyId, rewrapped: rewrapped + await signing.rewrapAll() });
      },
    }),
  ];
}
