import {
  BullpenError, createOrganizationSchema, defined, deletedOrganizationSchema, drainResultSchema, organizationPageSchema, organizationSchema, orgIdSchema,
  updateOrganizationSchema, usageQuerySchema, usageReportSchema,
} from '@bullpen/core';
import { adminListOrganizations, createOrganization, getOrganization, updateOrganization, type Database } from '@bullpen/db';
import { readUsage } from '@bullpen/metrics';
import { z } from 'zod';

import { pageQuerySchema } from '../http/page-query.ts';
import { STREAMED, created, ok, route, type Route } from '../http/route.ts';
import type { RunService } from '../runs/run-service.ts';
import { OrganizationDeletion, type OrganizationDeletionDeps } from './organization-deletion.ts';
import { sendExport } from './organization-export.ts';

const tag = 'organizations';
const organizationParams = z.strictObject({ id: orgIdSchema });
const oneOrganization = (status: number, sentence: string) => ({ statuses: { [status]: sentence }, schema: organizationSchema });
const writing = { tag, scope: 'platform', permission: 'platform:write' } as const;
const reading = { tag, scope: 'platform', permission: 'platform:read' } as const;

/** `/v1/organizations`, of the platform's admin, and `/v1/usage`. */
export function organizationRoutes(deps: OrganizationDeletionDeps & { runs: RunService }): Route[] {
  const { db, queue, organizations } = deps;
  return [
    route({
      ...writing, method: 'post', path: '/v1/organizations', operationId: 'createOrganization',
      summary: 'Make an organization', body: createOrganizationSchema, idempotency: 'kept',
      audit: { target: ({ body }) => `organization/${body.id}`, orgId: ({ body }) => body.id },
      answer: oneOrganization(201, 'the organization'), errors: ['ALREADY_EXISTS'],
      async handle({ body: { id, name = id, limits: asked, retention, ...rest } }) {
        const limits = defined(asked);
        const organization = await createOrganization(db, { id, name, limits, retention: defined(retention), ...rest });
        if (Object.keys(limits).length > 0) await queue.setLimits(id, limits);
        return created(`/v1/organizations/${id}`, organization);
      },
    }),
    route({
      ...reading, method: 'get', path: '/v1/organizations/{id}', operationId: 'getOrganization',
      summary: 'Get an organization', params: organizationParams, answer: oneOrganization(200, 'the organization'), errors: ['NOT_FOUND'],
      handle: async ({ params }) => ok(await getOrganization(db, params.id)),
    }),
    route({
      ...writing, method: 'patch', path: '/v1/organizations/{id}', operationId: 'changeOrganization',
      summary: 'Change caps, limits and retention of an organization; limits are obeyed within a second by dispatch', params: organizationParams, body: updateOrganizationSchema,
      audit: { target: ({ params }) => `organization/${params.id}`, orgId: ({ params }) => params.id, before: ({ params }) => getOrganization(db, params.id) },
      answer: oneOrganization(200, 'the organization as it is now'), errors: ['NOT_FOUND'],
      async handle({ params: { id: orgId }, body: { limits, retention, ...rest } }) {
        const change = {
          ...defined(rest),
          ...(limits === undefined ? {} : { limits: defined(limits) }),
          ...(retention === undefined ? {} : { retention: defined(retention) }),
        };
        // The record first: whoever sets the queue up anew sets it by the record.
        const updated = await updateOrganization(db, orgId, change);
        if (limits !== undefined) await queue.setLimits(orgId, updated.limits);
        organizations.forget(orgId);
        return ok(updated);
      },
    }),
    route({
      ...reading, method: 'get', path: '/v1/organizations', operationId: 'listOrganizations',
      summary: 'List organizations', query: pageQuerySchema,
      answer: { statuses: { 200: 'a page of organizations' }, schema: organizationPageSchema },
      handle: async ({ query }) => ok(await adminListOrganizations(db, query)),
    }),
    route({
      method: 'get', path: '/v1/usage', operationId: 'getUsage', tag: 'usage', scope: 'organization', permission: 'organization:read',
      summary: 'Say what the organization has used', query: usageQuerySchema, answer: { statuses: { 200: 'its use, over time and by group' }, schema: usageReportSchema },
      handle: async ({ orgId, query }) => ok(await readUsage(deps, orgId, query)),
    }),
    drainRoute(deps),
    ...departureRoutes(deps),
  ];
}

/** An organization may drain itself; the platform's admin any. */
function drainRoute({ db, runs }: { db: Database; runs: RunService }): Route {
  return route({
    method: 'post', path: '/v1/organizations/{id}/drain', operationId: 'drainOrganization', tag, scope: 'key', permission: 'runs:operate',
    summary: 'Cancel all runs of an organization that wait; what runs goes on', params: organizationParams, body: z.strictObject({}),
    audit: { target: ({ params }) => `organization/${params.id}`, orgId: ({ params }) => params.id },
    answer: { statuses: { 200: 'how many were cancelled' }, schema: drainResultSchema }, errors: ['NOT_FOUND'],
    async handle({ principal: { role, orgId }, params }) {
      if (role !== 'admin' && orgId !== params.id) throw new BullpenError('FORBIDDEN', 'the key belongs to another organization');
      await getOrganization(db, params.id);
      return ok({ cancelled: await runs.drain(params.id) });
    },
  });
}

/** How an organization leaves: with all it has, and without a trace. */
function departureRoutes(deps: OrganizationDeletionDeps): Route[] {
  const deletion = new OrganizationDeletion(deps);
  return [
    route({
      ...reading, method: 'get', path: '/v1/organizations/{id}/export', operationId: 'exportOrganization',
      summary: 'Get all that an organization has, as lines of JSON; the last one says that it is whole', params: organizationParams,
      answer: { statuses: { 200: '`{"table", "row"}` a line, and at the end `{"end": true, "rows"}`' }, mediaType: 'application/x-ndjson' },
      errors: ['NOT_FOUND'],
      async handle({ params, res }) {
        const { id } = await getOrganization(deps.db, params.id);
        await sendExport(deps.db, id, res);
        return STREAMED;
      },
    }),
    route({
      ...writing, method: 'delete', path: '/v1/organizations/{id}', operationId: 'deleteOrganization',
      summary: 'Delete an organization: its rows, keys and queue', params: organizationParams, query: z.strictObject({ confirm: z.string().optional().describe('the id once more') }),
      // Its own audit log goes with it: this is kept in the platform's.
      audit: { target: ({ params }) => `organization/${params.id}` },
      answer: { statuses: { 200: 'what was deleted' }, schema: deletedOrganizationSchema }, errors: ['NOT_FOUND'],
      async handle({ params: { id: orgId }, query: { confirm }, principal }) {
        // Said twice, so that a slip of the path deletes nobody.
        if (confirm !== orgId) throw new BullpenError('INVALID_REQUEST', `to delete ${orgId} with all it has, say so: ?confirm=${orgId}`);
        return ok(await deletion.delete(orgId, principal.keyId));
      },
    }),
  ];
}
