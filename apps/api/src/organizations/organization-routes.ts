import {
  BullpenError, createKeySchema, createOrganizationSchema, cursorSchema, defined, pageLimitSchema, orgIdSchema, parseOrThrow, updateOrganizationSchema, type CreatedKey,
} from '@bullpen/core';
import { adminListOrganizations, createOrganization, getOrganization, insertApiKey, updateOrganization } from '@bullpen/db';
import { Router } from 'express';
import { z } from 'zod';

import { generateApiKey } from '../auth/api-keys.ts';
import { principal, requireAdmin, tenant } from '../auth/authenticate.ts';
import { OrganizationDeletion, type OrganizationDeletionDeps } from './organization-deletion.ts';
import { sendExport } from './organization-export.ts';

const listSchema = z.strictObject({ cursor: cursorSchema.optional(), limit: pageLimitSchema });

const deleteSchema = z.strictObject({ confirm: z.string().optional() });

/** `/v1/organizations` (platform admin), `/v1/keys`, `/v1/whoami`. */
export function organizationRoutes(deps: OrganizationDeletionDeps): Router {
  const { db, queue, organizations } = deps;
  const router = Router();
  router.use(departureRoutes(deps), keyRoutes(deps));

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

  return router;
}

/** Keys of an organization, and who the caller is. */
function keyRoutes({ db }: Pick<OrganizationDeletionDeps, 'db'>): Router {
  const router = Router();

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

/** How an organization leaves: with all it has, and without a trace. */
function departureRoutes(deps: OrganizationDeletionDeps): Router {
  const deletion = new OrganizationDeletion(deps);
  const router = Router();

  router.get('/organizations/:id/export', async (req, res) => {
    requireAdmin(res);
    const { id } = await getOrganization(deps.db, parseOrThrow(orgIdSchema, req.params.id, 'organization id'));
    await sendExport(deps.db, id, res);
  });

  router.delete('/organizations/:id', async (req, res) => {
    requireAdmin(res);
    const orgId = parseOrThrow(orgIdSchema, req.params.id, 'organization id');
    // Said twice, so that a slip of the path deletes nobody.
    const { confirm } = parseOrThrow(deleteSchema, req.query, 'query');
    if (confirm !== orgId) throw new BullpenError('INVALID_REQUEST', `to delete ${orgId} with all it has, say so: ?confirm=${orgId}`);
    res.json(await deletion.delete(orgId, { actor: principal(res).keyId, requestId: res.locals.requestId ?? null }));
  });

  return router;
}
