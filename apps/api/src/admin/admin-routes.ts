import { auditPageSchema, BullpenError, idSchema, listAuditSchema, orgIdSchema, runSchema, runtimeMetricsQuerySchema, runtimeMetricsSchema, runtimeStatusSchema, type Clock } from '@bullpen/core';
import { listAuditEntries, type Database } from '@bullpen/db';
import { readRuntimeMetrics } from '@bullpen/metrics';
import type { Response } from 'express';
import { z } from 'zod';

import { ADMIN_COOKIE, principalOf } from '../auth/authenticate.ts';
import type { ApiKeys } from '../auth/api-keys.ts';
import { accepted, noContent, ok, route, STREAMED, type Route } from '../http/route.ts';
import type { RunService } from '../runs/run-service.ts';
import { interventionRoutes, type InterventionDeps } from './intervention-routes.ts';
import type { StatusBoard } from './status-board.ts';

const tag = 'operator';
const sessionSchema = z.strictObject({ key: z.string().min(1).max(500) });

interface AdminRouteDeps extends InterventionDeps {
  db: Database;
  clock: Clock;
  status: StatusBoard;
  keys: ApiKeys;
  runs: RunService;
}

/** `/api/admin`: the operator's JSON, and the session of the operator's browser. */
export function adminRoutes(deps: AdminRouteDeps): Route[] {
  return [...sessionRoutes(deps.keys), ...runtimeRoutes(deps), ...interventionRoutes(deps)];
}

function sessionRoutes(keys: ApiKeys): Route[] {
  const shared = { path: '/api/admin/session', tag, scope: 'public', permission: null } as const;
  return [
    route({
      ...shared, method: 'post', operationId: 'openOperatorSession', summary: 'Give a browser the operator\'s cookie', body: sessionSchema, audit: 'nothing is written',
      answer: { statuses: { 204: 'the cookie is set' } }, errors: ['UNAUTHENTICATED', 'FORBIDDEN'],
      async handle({ body: { key }, res }) {
        const principal = await principalOf(keys, key);
        if (principal.role !== 'admin') throw new BullpenError('FORBIDDEN', 'this needs a key of the platform admin');
        setSession(res, key);
        return noContent();
      },
    }),
    route({
      ...shared, method: 'delete', operationId: 'closeOperatorSession', summary: 'Take the operator\'s cookie away', audit: 'nothing is written',
      answer: { statuses: { 204: 'the cookie is gone' } },
      handle({ res }) {
        setSession(res, null);
        return noContent();
      },
    }),
  ];
}

function runtimeRoutes(deps: AdminRouteDeps): Route[] {
  const reading = { method: 'get', tag, scope: 'operator', permission: 'platform:read' } as const;
  return [
    route({
      ...reading, path: '/api/admin/audit', operationId: 'listPlatformAuditEntries', summary: 'List what was written to the platform itself, newest first',
      query: listAuditSchema, answer: { statuses: { 200: 'a page of writes, each with before and after' }, schema: auditPageSchema },
      handle: async ({ query }) => ok(await listAuditEntries(deps.db, null, query)),
    }),
    route({
      ...reading, path: '/api/admin/runtime/status', operationId: 'runtimeStatus', summary: 'Organizations, workers, containers, queues, latest runs',
      answer: { statuses: { 200: 'how it stands now' }, schema: runtimeStatusSchema },
      async handle({ res }) {
        // One document for all who look: written once.
        res.type('application/json').send((await deps.status.latest()).json);
        return STREAMED;
      },
    }),
    route({
      ...reading, path: '/api/admin/runtime/metrics', operationId: 'runtimeMetrics', summary: 'Figures of the last window', query: runtimeMetricsQuerySchema,
      answer: { statuses: { 200: 'per organization, and over time' }, schema: runtimeMetricsSchema },
      handle: async ({ query }) => ok(await readRuntimeMetrics(deps, query)),
    }),
    route({
      method: 'post', path: '/api/admin/runs/{orgId}/{runId}/cancel', operationId: 'operatorCancelRun', tag, scope: 'operator', permission: 'platform:write',
      summary: 'Cancel a run of any organization', params: z.strictObject({ orgId: orgIdSchema, runId: idSchema('run') }), body: z.strictObject({}),
      audit: { target: ({ params }) => `run/${params.runId}`, orgId: ({ params }) => params.orgId, after: ({ state }) => ({ state }) },
      answer: { statuses: { 202: 'a waiting run is cancelled; a running one is being stopped' }, schema: runSchema }, errors: ['NOT_FOUND', 'RUN_ALREADY_FINISHED'],
      handle: async ({ params: { orgId, runId } }) => accepted(await deps.runs.cancel(orgId, runId)),
    }),
  ];
}

/** SameSite=Strict: another site cannot make the operator's browser send it. */
function setSession(res: Response, key: string | null): void {
  res.cookie(ADMIN_COOKIE, key ?? '', { httpOnly: true, sameSite: 'strict', path: '/', secure: res.req.secure, ...(key === null ? { maxAge: 0 } : {}) });
}
