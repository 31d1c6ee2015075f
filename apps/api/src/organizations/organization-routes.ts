import {
  BullpenError, createKeySchema, createOrganizationSchema, cursorSchema, pageLimitSchema, parseOrThrow, type CreatedKey,
} from '@bullpen/core';
import { adminListOrganizations, createOrganization, getOrganization, insertApiKey, type Database } from '@bullpen/db';
import { Router } from 'express';
import { z } from 'zod';

import { generateApiKey } from '../auth/api-keys.ts';
import { principal, requireAdmin, tenant } from '../auth/authenticate.ts';

const listSchema = z.strictObject({ cursor: cursorSchema.optional(), limit: pageLimitSchema });

/** `/v1/organizations` (platform admin), `/v1/keys`, `/v1/whoami`. */
export function organizationRoutes(deps: { db: Database }): Router {
  const { db } = deps;
  const router = Router();

  router.post('/organizations', async (req, res) => {
    requireAdmin(res);
    const { id, name = id, ...rest } = parseOrThrow(createOrganizationSchema, req.body);
    res.status(201).json(await createOrganization(db, { id, name, ...rest }));
  });

  router.get('/organizations', async (req, res) => {
    requireAdmin(res);
    const { limit, cursor } = parseOrThrow(listSchema, req.query, 'query');
    res.json(await adminListOrganizations(db, { limit, ...(cursor === undefined ? {} : { cursor }) }));
  });

  router.post('/keys', async (req, res) => {
    const { orgId: asked, name } = parseOrThrow(createKeySchema, req.body ?? {});
    const { role } = principal(res);
    if (role !== 'admin' && asked !== undefined && asked !== tenant(req, res)) {
      throw new BullpenError('FORBIDDEN', 'the key belongs to another organization');
    }
    const orgId = asked ?? tenant(req, res);
    await getOrganization(db, orgId);
    const { id, secret, secretHash } = generateApiKey();
    await insertApiKey(db, { id, orgId, name, role: 'developer', secretHash });
    const created: CreatedKey = { id, orgId, name, secret, createdAt: new Date().toISOString() };
    res.status(201).json(created);
  });

  router.get('/whoami', (_req, res) => {
    res.json(principal(res));
  });

  return router;
}
