import {
  changeScheduleSchema, createScheduleSchema, cursorSchema, pageLimitSchema, parseOrThrow, previewCountSchema, previewScheduleSchema,
  scheduleNameSchema, type Clock,
} from '@bullpen/core';
import { deleteSchedule, getSchedule, listSchedules, type Database } from '@bullpen/db';
import { Router, type Request } from 'express';
import { z } from 'zod';

import { tenant } from '../auth/authenticate.ts';
import type { OrganizationDirectory } from '../organizations/organization-directory.ts';
import { ScheduleService } from './schedule-service.ts';
import { timingOf } from './schedule-settings.ts';

const pageQuerySchema = z.strictObject({ cursor: cursorSchema.optional(), limit: pageLimitSchema });
const previewQuerySchema = z.strictObject({ count: previewCountSchema });

const nameOf = (req: Request<{ name: string }>) => parseOrThrow(scheduleNameSchema, req.params.name, 'schedule name');

/** `/v1/schedules`. */
export function scheduleRoutes(deps: { db: Database; organizations: OrganizationDirectory; clock: Clock }): Router {
  const { db, clock } = deps;
  const schedules = new ScheduleService(deps);
  const router = Router();

  router.post('/schedules', async (req, res) => {
    const schedule = await schedules.create(tenant(req, res), parseOrThrow(createScheduleSchema, req.body));
    res.status(201).setHeader('Location', `/v1/schedules/${schedule.name}`).json(schedule);
  });

  router.post('/schedules/preview', (req, res) => {
    tenant(req, res);
    const { count, ...asked } = parseOrThrow(previewScheduleSchema, req.body);
    res.json(schedules.preview(timingOf(asked, clock.nowMs()), count));
  });

  router.get('/schedules', async (req, res) => {
    const orgId = tenant(req, res);
    res.json(await listSchedules(db, orgId, parseOrThrow(pageQuerySchema, req.query, 'query')));
  });

  router.get('/schedules/:name', async (req, res) => {
    res.json(await getSchedule(db, tenant(req, res), nameOf(req)));
  });

  router.patch('/schedules/:name', async (req, res) => {
    const orgId = tenant(req, res);
    res.json(await schedules.change(orgId, nameOf(req), parseOrThrow(changeScheduleSchema, req.body)));
  });

  router.delete('/schedules/:name', async (req, res) => {
    await deleteSchedule(db, tenant(req, res), nameOf(req));
    res.status(204).end();
  });

  router.get('/schedules/:name/preview', async (req, res) => {
    const orgId = tenant(req, res);
    const { count } = parseOrThrow(previewQuerySchema, req.query, 'query');
    res.json(schedules.preview(await getSchedule(db, orgId, nameOf(req)), count));
  });

  return router;
}
