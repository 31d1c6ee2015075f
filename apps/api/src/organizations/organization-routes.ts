import {
  BullpenError, createKeySchema, createOrganizationSchema, cursorSchema, defined, pageLimitSchema, orgIdSchema, parseOrThrow, updateOrganizationSchema, type CreatedKey,
} from '@bullpen/core';
import { adminListOrganizations, createOrganization, getOrganization, insertApiKey, updateOrganization, type Database } from '@bullpen/db';
import type { RunQueue } from '@bullpen/queue';
import { Router } from 'express';
import { z } from 'zod';

import { generateApiKey } from '../auth/api-keys.ts';
import { principal, requireAdmin, tenant } from '../auth/authenticate.ts';
import type { OrganizationDirectory } from './organization-directory.ts';

const listSchema = z.strictObject({ cursor: cursorSchema.optional(), limit: pageLimitSchema });

/** `/v1/organizations` (platform admin), `/v1/keys`, `/v1/whoami`. */
export function organizationRoutes(deps: { db: Database; queue: RunQueue; organizations: OrganizationDirectory }): Router {
  const { db, queue, organizations } = deps;
  const router = Router();

  router.post('/organizations', async (req, res) => {
    requireAdmin(res);
    const { id, name = id, limits: asked, retention, ...rest } = parseOrThrow(createOrganizationSchema, req.body);
    const limits = defined(asked);
    const created = await createOrganization(db, { id, name, limits, retention: defined(retention), ...rest });
    if (Object.keys(limits).length > 0) await queue.setLimits(id, limits);
    res.status(201).json(created);
  });

  router.get('/organizations/:id', async (req, res) => {
    requireAdmin(res);
    res.json(await getOrganization(db, parseOrThrow(orgIdSchema, req.params.id, 'organization id')));
  });

  router.patch('/organizations/:id', async (req, res) => {
    requireAdmin(res);
    const orgId = parseOrThrow(orgIdSchema, req.params.id, 'organization id');
    const { limits, retention, ...rest } = parseOrThrow(updateOrganizationSchema, req.body);
    const change = {
      ...defined(rest),
      ...(limits === undefined ? {} : { limits: defined(limits) }),
      ...(retention === undefined ? {} : { retention: defined(retention) }),
    };
    // The record first: whoever sets the queue up anew sets it by the record.
    const updated = await updateOrganization(db, orgId, change);
    if (limits !== undefined) await queue.setLimits(orgId, updated.limits);
    organizations.forget(orgId);
    res.json(updated);
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
