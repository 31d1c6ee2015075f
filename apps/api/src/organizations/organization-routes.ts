import {
  createOrganizationSchema, defined, organizationPageSchema, organizationSchema, orgIdSchema, updateOrganizationSchema, usageQuerySchema, usageReportSchema, type Clock,
} from '@bullpen/core';
import { adminListOrganizations, createOrganization, getOrganization, updateOrganization, type Database } from '@bullpen/db';
import { readUsage } from '@bullpen/metrics';
import type { RunQueue } from '@bullpen/queue';
import { z } from 'zod';

import { pageQuerySchema } from '../http/page-query.ts';
import { created, ok, route, type Route } from '../http/route.ts';
import type { OrganizationDirectory } from './organization-directory.ts';

const tag = 'organizations';
const organizationParams = z.strictObject({ id: orgIdSchema });
const oneOrganization = (status: number, sentence: string) => ({ statuses: { [status]: sentence }, schema: organizationSchema });

/** `/v1/organizations`, of the platform's admin, and `/v1/usage`. */
export function organizationRoutes(deps: { db: Database; queue: RunQueue; organizations: OrganizationDirectory; clock: Clock }): Route[] {
  const { db, queue, organizations } = deps;
  const writing = { tag, scope: 'platform', permission: 'platform:write' } as const;
  const reading = { tag, scope: 'platform', permission: 'platform:read' } as const;
  return [
    route({
      ...writing, method: 'post', path: '/v1/organizations', operationId: 'createOrganization',
      summary: 'Make an organization', body: createOrganizationSchema, idempotency: 'kept',
      audit: { target: ({ body }) => `organization/${body.id}`, orgId: ({ body }) => body.id },
      answer: oneOrganization(201, 'the organization'), errors: ['ALREADY_EXISTS'],
      async handle({ body: { id, name = id, limits: asked, ...rest } }) {
        const limits = defined(asked);
        const organization = await createOrganization(db, { id, name, limits, ...rest });
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
      summary: 'Change caps and limits of an organization; obeyed within a second by dispatch', params: organizationParams, body: updateOrganizationSchema,
      audit: { target: ({ params }) => `organization/${params.id}`, orgId: ({ params }) => params.id, before: ({ params }) => getOrganization(db, params.id) },
      answer: oneOrganization(200, 'the organization as it is now'), errors: ['NOT_FOUND'],
      async handle({ params: { id: orgId }, body: { limits, ...rest } }) {
        const change = { ...defined(rest), ...(limits === undefined ? {} : { limits: defined(limits) }) };
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
  ];
}
