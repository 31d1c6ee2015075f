import { doctorReportSchema, doctorRequestSchema, idSchema, killOrderSchema, orgIdSchema } from '@bullpen/core';
import { z } from 'zod';

import { examine, type DoctorDeps } from '../doctor/doctor.ts';
import { accepted, ok, route, type Route } from '../http/route.ts';
import { orderKill, type KillDeps } from './operator-kill.ts';

export type InterventionDeps = KillDeps & DoctorDeps;

const shared = { method: 'post', tag: 'operator', scope: 'operator', permission: 'platform:write' } as const;
const ordered = { statuses: { 202: 'its worker was told to kill it' }, schema: killOrderSchema };

/** Where an operator steps in: kills, and the doctor. */
export function interventionRoutes(deps: InterventionDeps): Route[] {
  return [
    route({
      ...shared, path: '/api/admin/runtime/containers/{containerId}/kill', operationId: 'killContainer', summary: 'Kill a container at once',
      params: z.strictObject({ containerId: idSchema('container') }), body: z.strictObject({}).optional(),
      audit: { target: ({ params }) => `container/${params.containerId}` }, answer: ordered, errors: ['NOT_FOUND'],
      handle: async ({ params: { containerId } }) => accepted(await orderKill(deps, { containerId })),
    }),
    route({
      ...shared, path: '/api/admin/runtime/runs/{orgId}/{runId}/kill', operationId: 'killRun', summary: 'Kill the container of a run at once',
      params: z.strictObject({ orgId: orgIdSchema, runId: idSchema('run') }), body: z.strictObject({}).optional(),
      audit: { target: ({ params }) => `run/${params.runId}`, orgId: ({ params }) => params.orgId }, answer: ordered, errors: ['NOT_FOUND', 'RUN_ALREADY_FINISHED'],
      handle: async ({ params: { orgId, runId } }) => accepted(await orderKill(deps, { orgId, runId })),
    }),
    route({
      ...shared, path: '/api/admin/doctor', operationId: 'examine', summary: 'Prove that no run is lost, duplicated or leaked, and repair',
      body: doctorRequestSchema.optional(), audit: { target: () => 'doctor' },
      answer: { statuses: { 200: 'what was found, and done' }, schema: doctorReportSchema },
      handle: async ({ body }) => ok(await examine(deps, { repair: (body ?? doctorRequestSchema.parse({})).repair })),
    }),
  ];
}
