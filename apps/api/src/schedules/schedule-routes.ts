import {
  changeScheduleSchema, createScheduleSchema, previewCountSchema, previewScheduleSchema, scheduleNameSchema, schedulePageSchema, schedulePreviewSchema,
  scheduleSchema, type Clock,
} from '@bullpen/core';
import { deleteSchedule, getSchedule, listSchedules, type Database } from '@bullpen/db';
import type { SchemaChecker } from '@bullpen/json-schema';
import { z } from 'zod';

import { pageQuerySchema } from '../http/page-query.ts';
import { created, noContent, ok, route, type Route } from '../http/route.ts';
import type { OrganizationDirectory } from '../organizations/organization-directory.ts';
import { ScheduleService } from './schedule-service.ts';
import { timingOf } from './schedule-settings.ts';

const tag = 'schedules';
const scheduleParams = z.strictObject({ name: scheduleNameSchema });
const oneSchedule = (status: number, sentence: string) => ({ statuses: { [status]: sentence }, schema: scheduleSchema });
const previewAnswer = { statuses: { 200: 'the next times' }, schema: schedulePreviewSchema };
const RUN_ERRORS = [
  'SCHEDULE_INVALID', 'SCHEDULE_NEVER_FIRES', 'LIMIT_EXCEEDED', 'AGENT_NOT_FOUND', 'NOT_FOUND', 'TIER_UNAVAILABLE', 'TIER_BELOW_MINIMUM', 'INPUT_NOT_STORABLE', 'INPUT_INVALID',
] as const;

export interface ScheduleRouteDeps {
  db: Database;
  organizations: OrganizationDirectory;
  schemas: SchemaChecker;
  clock: Clock;
}

/** `/v1/schedules`. */
export function scheduleRoutes(deps: ScheduleRouteDeps): Route[] {
  const schedules = new ScheduleService(deps);
  return [...manyRoutes(deps, schedules), ...oneRoutes(deps, schedules)];
}

function manyRoutes({ db, clock }: ScheduleRouteDeps, schedules: ScheduleService): Route[] {
  const shared = { tag, scope: 'organization' } as const;
  return [
    route({
      ...shared, method: 'post', path: '/v1/schedules', operationId: 'createSchedule', permission: 'schedules:write',
      summary: 'Make a schedule', body: createScheduleSchema, idempotency: 'kept', audit: { target: ({ body }) => `schedule/${body.name}` }, answer: oneSchedule(201, 'the schedule'), errors: ['ALREADY_EXISTS', ...RUN_ERRORS],
      async handle({ orgId, body }) {
        const schedule = await schedules.create(orgId, body);
        return created(`/v1/schedules/${schedule.name}`, schedule);
      },
    }),
    route({
      ...shared, method: 'post', path: '/v1/schedules/preview', operationId: 'previewNewSchedule', permission: 'schedules:read',
      summary: 'Say when a schedule would fire', body: previewScheduleSchema, audit: 'nothing is written', answer: previewAnswer, errors: ['SCHEDULE_INVALID'],
      handle: ({ body: { count, ...asked } }) => ok(schedules.preview(timingOf(asked, clock.nowMs()), count)),
    }),
    route({
      ...shared, method: 'get', path: '/v1/schedules', operationId: 'listSchedules', permission: 'schedules:read',
      summary: 'List schedules', query: pageQuerySchema, answer: { statuses: { 200: 'a page of schedules' }, schema: schedulePageSchema },
      handle: async ({ orgId, query }) => ok(await listSchedules(db, orgId, query)),
    }),
  ];
}

function oneRoutes({ db }: ScheduleRouteDeps, schedules: ScheduleService): Route[] {
  const shared = { tag, scope: 'organization', params: scheduleParams } as const;
  const audit = {
    target: ({ params }: { params: { name: string } }) => `schedule/${params.name}`,
    before: ({ orgId, params }: { orgId: string; params: { name: string } }) => getSchedule(db, orgId, params.name),
  };
  return [
    route({
      ...shared, method: 'get', path: '/v1/schedules/{name}', operationId: 'getSchedule', permission: 'schedules:read',
      summary: 'Get a schedule', answer: oneSchedule(200, 'the schedule'), errors: ['NOT_FOUND'],
      handle: async ({ orgId, params }) => ok(await getSchedule(db, orgId, params.name)),
    }),
    route({
      ...shared, method: 'patch', path: '/v1/schedules/{name}', operationId: 'changeSchedule', permission: 'schedules:write',
      summary: 'Change, pause or resume a schedule', body: changeScheduleSchema, audit, answer: oneSchedule(200, 'the schedule as it is now'), errors: RUN_ERRORS,
      handle: async ({ orgId, params, body }) => ok(await schedules.change(orgId, params.name, body)),
    }),
    route({
      ...shared, method: 'delete', path: '/v1/schedules/{name}', operationId: 'deleteSchedule', permission: 'schedules:write',
      summary: 'Delete a schedule', audit, answer: { statuses: { 204: 'it is gone' } }, errors: ['NOT_FOUND'],
      async handle({ orgId, params }) {
        await deleteSchedule(db, orgId, params.name);
        return noContent();
      },
    }),
    route({
      ...shared, method: 'get', path: '/v1/schedules/{name}/preview', operationId: 'previewSchedule', permission: 'schedules:read',
      summary: 'Say when a schedule fires next', query: z.strictObject({ count: previewCountSchema }), answer: previewAnswer, errors: ['NOT_FOUND'],
      handle: async ({ orgId, params, query }) => ok(schedules.preview(await getSchedule(db, orgId, params.name), query.count)),
    }),
  ];
}
