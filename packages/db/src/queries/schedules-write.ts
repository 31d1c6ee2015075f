import { and, eq } from 'drizzle-orm';

import { BullpenError, type Schedule } from '@bullpen/core';

import type { Database } from '../database.ts';
import { postgresCodeOf, reaching } from '../postgres-errors.ts';
import { schedules } from '../schema.ts';
import { noSchedule } from './schedules-read.ts';

/** What a caller decides about a schedule, and the times that follow from it. */
export type ScheduleSettings = Pick<Schedule,
  'run' | 'cron' | 'timeZone' | 'intervalMs' | 'startAt' | 'endAt' | 'overlap' | 'catchUp' | 'maxCatchUp' | 'paused' | 'nextAt' | 'pendingAt' | 'timedAt'>;

const FOREIGN_KEY_VIOLATION = '23503';

/** @throws BullpenError ALREADY_EXISTS (the name), NOT_FOUND (the organization). */
export async function insertSchedule(
  db: Database, orgId: string, schedule: ScheduleSettings & Pick<Schedule, 'id' | 'name' | 'createdAt'>,
): Promise<Schedule> {
  try {
    const [created] = await reaching(() => db.orm.insert(schedules).values({ ...schedule, orgId })
      .onConflictDoNothing({ target: [schedules.orgId, schedules.name] }).returning());
    if (created) return created;
  } catch (error) {
    if (postgresCodeOf(error) === FOREIGN_KEY_VIOLATION) throw new BullpenError('NOT_FOUND', `no organization ${orgId}`, { orgId });
    throw error;
  }
  throw new BullpenError('ALREADY_EXISTS', `schedule ${schedule.name} exists already`, { name: schedule.name });
}

/**
 * Changes a schedule by its unique index schedules_name. The row is locked between reading and writing, so that neither
 * another change nor a scheduler that fires it at the moment is undone.
 *
 * @throws BullpenError NOT_FOUND, and what `change` throws: then nothing is changed.
 */
export async function changeSchedule(
  db: Database, orgId: string, name: string, change: (current: Schedule) => ScheduleSettings,
): Promise<Schedule> {
  const which = and(eq(schedules.orgId, orgId), eq(schedules.name, name));
  return reaching(() => db.orm.transaction(async (transaction) => {
    const [current] = await transaction.select().from(schedules).where(which).for('update');
    if (!current) throw noSchedule(name);
    const [changed] = await transaction.update(schedules).set(change(current)).where(which).returning();
    if (!changed) throw noSchedule(name);
    return changed;
  }));
}

/** Its runs stay. By the unique index schedules_name. @throws BullpenError NOT_FOUND. */
export async function deleteSchedule(db: Database, orgId: string, name: string): Promise<void> {
  const gone = await reaching(() => db.orm.delete(schedules)
    .where(and(eq(schedules.orgId, orgId), eq(schedules.name, name))).returning({ id: schedules.id }));
  if (gone.length === 0) throw noSchedule(name);
}
