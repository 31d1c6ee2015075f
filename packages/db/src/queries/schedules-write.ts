import { and, eq } from 'drizzle-orm';

import { BullpenError, type Schedule } from '@bullpen/core';

import type { Database } from '../database.ts';
import { postgresCodeOf, reaching } from '../postgres-errors.ts';
import { schedules } from '../schema.ts';
import { getScheduleAt, noSchedule, scheduleColumns } from './schedules-read.ts';

/** What a caller decides about a schedule, and the times that follow from it. */
export type ScheduleSettings = Pick<Schedule,
  'run' | 'cron' | 'timeZone' | 'intervalMs' | 'startAt' | 'endAt' | 'overlap' | 'catchUp' | 'maxCatchUp' | 'paused' | 'nextAt' | 'pendingAt' | 'timedAt'>;

const FOREIGN_KEY_VIOLATION = '23503';

/** @throws BullpenError ALREADY_EXISTS (the name), NOT_FOUND (the organization). */
export async function insertSchedule(
  db: Database, orgId: string, schedule: ScheduleSettings & Pick<Schedule, 'id' | 'name' | 'createdAt'>,
): Promise<Schedule> {
  try {
    const [created] = await reaching(() => db.tenant(orgId, ({ orm }) => orm.insert(schedules).values({ ...schedule, orgId })
      .onConflictDoNothing({ target: [schedules.orgId, schedules.name] }).returning(scheduleColumns)));
    if (created) return created;
  } catch (error) {
    if (postgresCodeOf(error) === FOREIGN_KEY_VIOLATION) throw new BullpenError('NOT_FOUND', `no organization ${orgId}`, { orgId });
    throw error;
  }
  throw new BullpenError('ALREADY_EXISTS', `schedule ${schedule.name} exists already`, { name: schedule.name });
}

/** Each try fails only because another writer succeeded. */
const TRIES = 20;

/**
 * Changes a schedule by its unique index schedules_name. Where another change, or a scheduler that moved the row on, came
 * between reading and writing, both are done again, so that neither is undone. A scheduler that fires the row at the
 * moment finds it changed and leaves it; what is due still is found again.
 *
 * @throws BullpenError NOT_FOUND, and what `change` throws: then nothing is changed.
 */
export async function changeSchedule(
  db: Database, orgId: string, name: string, change: (current: Schedule) => ScheduleSettings,
): Promise<Schedule> {
  for (let tries = 0; tries < TRIES; tries += 1) {
    const { schedule, revision } = await getScheduleAt(db, orgId, name);
    const next = { ...change(schedule), revision: revision + 1, claimedUntil: null };
    const [changed] = await reaching(() => db.tenant(orgId, ({ orm }) => orm.update(schedules).set(next)
      .where(and(eq(schedules.id, schedule.id), eq(schedules.orgId, orgId), eq(schedules.revision, revision))).returning(scheduleColumns)));
    if (changed) return changed;
  }
  throw new BullpenError('SERVICE_UNAVAILABLE', `schedule ${name} is changed by too many at once`, { name });
}

/** Its runs stay. By the unique index schedules_name. @throws BullpenError NOT_FOUND. */
export async function deleteSchedule(db: Database, orgId: string, name: string): Promise<void> {
  const gone = await reaching(() => db.tenant(orgId, ({ orm }) => orm.delete(schedules)
    .where(and(eq(schedules.orgId, orgId), eq(schedules.name, name))).returning({ id: schedules.id })));
  if (gone.length === 0) throw noSchedule(name);
}
