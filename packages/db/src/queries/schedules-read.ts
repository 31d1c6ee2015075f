import { and, asc, eq, gt, getTableColumns, sql } from 'drizzle-orm';

import { BullpenError, type Schedule, type SchedulePage, type ScheduleSummary } from '@bullpen/core';

import { decodeCursor, toPage } from '../cursor.ts';
import type { Database } from '../database.ts';
import { reading } from '../postgres-errors.ts';
import { schedules } from '../schema.ts';
import type { PageRequest } from './list-agents.ts';

/** By the unique index schedules_name. @throws BullpenError NOT_FOUND. */
export async function getSchedule(db: Database, orgId: string, name: string): Promise<Schedule> {
  const [found] = await reading(() => db.orm.select().from(schedules).where(and(eq(schedules.orgId, orgId), eq(schedules.name, name))));
  if (!found) throw noSchedule(name);
  return found;
}

/** Schedules of an organization by name, without the inputs of their runs: index schedules_name. */
export async function listSchedules(db: Database, orgId: string, { limit, cursor }: PageRequest): Promise<SchedulePage> {
  const after = cursor === undefined ? undefined : gt(schedules.name, decodeCursor(cursor, 'text')[0]);
  const withoutInput = sql<ScheduleSummary['run']>`${schedules.run} - 'input'`;
  const rows = await reading(() => db.orm.select({ ...getTableColumns(schedules), run: withoutInput }).from(schedules)
    .where(and(eq(schedules.orgId, orgId), after))
    .orderBy(asc(schedules.name))
    .limit(limit + 1));
  return toPage(rows, limit, (row) => [row.name], (row) => row);
}

export function noSchedule(name: string): BullpenError {
  return new BullpenError('NOT_FOUND', `no schedule ${name}`, { name });
}
