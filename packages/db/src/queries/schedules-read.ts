import { and, asc, count, eq, gt, getTableColumns, sql } from 'drizzle-orm';

import { BullpenError, type Schedule, type SchedulePage, type ScheduleSummary } from '@bullpen/core';

import { decodeCursor, toPage } from '../cursor.ts';
import type { Database } from '../database.ts';
import { reading } from '../postgres-errors.ts';
import { schedules } from '../schema.ts';
import type { PageRequest } from './list-agents.ts';

const { revision, claimedUntil: _, ...shownColumns } = getTableColumns(schedules);
/** The columns of core's `Schedule`: all but those by which writers keep out of each other's way. */
export const scheduleColumns = shownColumns;

/** By the unique index schedules_name. @throws BullpenError NOT_FOUND. */
export async function getSchedule(db: Database, orgId: string, name: string): Promise<Schedule> {
  return (await getScheduleAt(db, orgId, name)).schedule;
}

/** The same with its revision, for a write that follows. @throws BullpenError NOT_FOUND. */
export async function getScheduleAt(db: Database, orgId: string, name: string): Promise<{ schedule: Schedule; revision: number }> {
  const [found] = await reading(() => db.tenant(orgId, ({ orm }) => orm.select({ revision, schedule: scheduleColumns }).from(schedules)
    .where(and(eq(schedules.orgId, orgId), eq(schedules.name, name)))));
  if (!found) throw noSchedule(name);
  return found;
}

/** Schedules of an organization by name, without the inputs of their runs: index schedules_name. */
export async function listSchedules(db: Database, orgId: string, { limit, cursor }: PageRequest): Promise<SchedulePage> {
  const after = cursor === undefined ? undefined : gt(schedules.name, decodeCursor('schedules', cursor, 'text')[0]);
  const withoutInput = sql<ScheduleSummary['run']>`${schedules.run} - 'input'`;
  const rows = await reading(() => db.tenant(orgId, ({ orm }) => orm.select({ ...scheduleColumns, run: withoutInput }).from(schedules)
    .where(and(eq(schedules.orgId, orgId), after))
    .orderBy(asc(schedules.name))
    .limit(limit + 1)));
  return toPage('schedules', rows, limit, (row) => [row.name], (row) => row);
}

/** By the index schedules_name. */
export async function countSchedules(db: Database, orgId: string): Promise<number> {
  const [found] = await reading(() => db.tenant(orgId, ({ orm }) => orm.select({ schedules: count() }).from(schedules).where(eq(schedules.orgId, orgId))));
  return found?.schedules ?? 0;
}

export function noSchedule(name: string): BullpenError {
  return new BullpenError('NOT_FOUND', `no schedule ${name}`, { name });
}
