import { putSecretSchema, rewrapResultSchema, secretListSchema, secretNameSchema, secretSchema } from '@bullpen/core';
import type { SecretStore } from '@bullpen/db';
import { z } from 'zod';

import { noContent, ok, route, type Route } from '../http/route.ts';

const tag = 'secrets';
const secretParams = z.strictObject({ name: secretNameSchema });

/** `/v1/secrets`: written and deleted here, listed by name, never read back. The audit log has names and versions only. */
export function secretRoutes({ secrets }: { secrets: SecretStore }): Route[] {
  const shared = { tag, scope: 'organization' } as const;
  const audit = { target: ({ params }: { params: { name: string } }) => `secret/${params.name}` };
  return [
    route({
      ...shared, method: 'get', path: '/v1/secrets', operationId: 'listSecrets', permission: 'secrets:read', summary: 'List secrets by name, without their values',
      answer: { statuses: { 200: 'names and versions' }, schema: secretListSchema },
      handle: async ({ orgId }) => ok({ items: await secrets.list(orgId) }),
    }),
    route({
      ...shared, method: 'put', path: '/v1/secrets/{name}', operationId: 'putSecret', permission: 'secrets:write', audit,
      summary: 'Set a secret, or give it a new value', params: secretParams, body: putSecretSchema, errors: ['LIMIT_EXCEEDED'],
      answer: { statuses: { 200: 'its new version', 201: 'a new secret' }, schema: secretSchema },
      async handle({ orgId, params, body }) {
        const secret = await secrets.put(orgId, params.name, body.value);
        return { status: secret.version === 1 ? 201 : 200, body: secret };
      },
    }),
    route({
      ...shared, method: 'delete', path: '/v1/secrets/{name}', operationId: 'deleteSecret', permission: 'secrets:write', audit,
      summary: 'Delete a secret', params: secretParams, answer: { statuses: { 204: 'it is gone' } }, errors: ['NOT_FOUND'],
      async handle({ orgId, params }) {
        await secrets.delete(orgId, params.name);
        return noContent();
      },
    }),
    route({
      method: 'post', path: '/api/admin/secrets/rewrap', operationId: 'rewrapSecrets', tag, scope: 'operator', permission: 'platform:write',
      summary: 'Seal every secret under the newest master key', body: z.strictObject({}), audit: { target: () => 'secrets' },
      answer: { statuses: { 200: 'how many' }, schema: rewrapResultSchema },
      handle: async () => ok(await secrets.rewrapAll()),
    }),
  ];
}
