import { doctorReportSchema, doctorRequestSchema, idSchema, killOrderSchema, orgIdSchema } from '@bullpen/core';
import { z } from 'zod';

import { examine, type DoctorDeps } from '../doctor/doctor.ts';
import { accepted, ok, route, type Route } from '../http/route.ts';
import { orderKill, type KillDeps } from './operator-kill.ts';

export type InterventionDeps = KillDeps & DoctorDeps;

const killed = { statuses: { 202: 'the worker is told' }, schema: killOrderSchema };

/** Where an operator steps in: kills, and the doctor. */
export function interventionRoutes(deps: InterventionDeps): Route[] {
  const writing = { method: 'post', tag: 'operator', scope: 'operator', permission: 'platform:write' } as const;
  return [
    route({
      ...writing, path: '/api/admin/runtime/containers/{containerId}/kill', operationId: 'killContainer', summary: 'Kill a container at once',
      params: z.strictObject({ containerId: idSchema('container') }), body: z.strictObject({}), errors: ['NOT_FOUND'], answer: killed,
      audit: { target: ({ params }) => `container/${params.containerId}` },
      handle: async ({ params: { containerId } }) => accepted(await orderKill(deps, { containerId })),
    }),
    route({
      ...writing, path: '/api/admin/runtime/runs/{orgId}/{runId}/kill', operationId: 'killRun', summary: 'Kill the container of a run at once',
      params: z.strictObject({ orgId: orgIdSchema, runId: idSchema('run') }), body: z.strictObject({}), errors: ['NOT_FOUND', 'RUN_ALREADY_FINISHED'], answer: killed,
      audit: { target: ({ params }) => `run/${params.runId}`, orgId: ({ params }) => params.orgId },
      handle: async ({ params: { orgId, runId } }) => accepted(await orderKill(deps, { orgId, runId })),
    }),
    route({
      ...writing, path: '/api/admin/doctor', operationId: 'examineRuntime', summary: 'Compare every run with every job, and repair',
      body: doctorRequestSchema, audit: { target: () => 'runtime', after: ({ findings }) => ({ findings: findings.length }) },
      answer: { statuses: { 200: 'what was found, and what was done' }, schema: doctorReportSchema },
      handle: async ({ body: { repair } }) => ok(await examine(deps, { repair })),
    }),
  ];
}
