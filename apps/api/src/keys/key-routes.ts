import { BullpenError, createKeySchema, createdKeySchema, whoAmISchema } from '@bullpen/core';
import { getOrganization, insertApiKey, type Database } from '@bullpen/db';

import { generateApiKey } from '../auth/api-keys.ts';
import { tenant } from '../auth/authenticate.ts';
import { created, ok, route, type Route } from '../http/route.ts';

const tag = 'keys';

/** `/v1/keys` and `/v1/whoami`. */
export function keyRoutes({ db }: { db: Database }): Route[] {
  return [
    route({
      method: 'post', path: '/v1/keys', operationId: 'createKey', tag, scope: 'key', permission: 'keys:write',
      summary: 'Make a key; its secret is shown this once', body: createKeySchema,
      answer: { statuses: { 201: 'the key with its secret' }, schema: createdKeySchema }, errors: ['NOT_FOUND'],
      async handle({ principal, body: { orgId: asked, name }, req }) {
        if (principal.role !== 'admin' && asked !== undefined && asked !== principal.orgId) {
          throw new BullpenError('FORBIDDEN', 'the key belongs to another organization');
        }
        const orgId = asked ?? tenant(req, principal);
        await getOrganization(db, orgId);
        const { id, secret, secretHash } = generateApiKey();
        await insertApiKey(db, { id, orgId, name, role: 'developer', secretHash });
        return created(`/v1/keys/${id}`, { id, orgId, name, secret, createdAt: new Date().toISOString() });
      },
    }),
    route({
      method: 'get', path: '/v1/whoami', operationId: 'whoAmI', tag, scope: 'key', permission: 'self:read',
      summary: 'Say what this key is', answer: { statuses: { 200: 'the key, without its secret' }, schema: whoAmISchema },
      handle: ({ principal }) => ok(principal),
    }),
  ];
}
