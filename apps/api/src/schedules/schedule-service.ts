import {
  BullpenError, MAX_SCHEDULES_PER_ORGANIZATION, newId, nextTimes, planScheduledRun, scheduleTimes,
  type ChangeSchedule, type Clock, type CreateSchedule, type Schedule, type SchedulePreview, type ScheduleTiming, type ScheduledRun,
} from '@bullpen/core';
import { changeSchedule, countSchedules, getSchedule, insertSchedule, resolveRunVersion, type Database } from '@bullpen/db';
import type { SchemaChecker } from '@bullpen/json-schema';

import { checkInput } from '../agents/check-input.ts';
import type { OrganizationDirectory } from '../organizations/organization-directory.ts';
import { changedSettings, newSettings } from './schedule-settings.ts';

/**
 * Schedules as callers see them. What a schedule would run is planned when it is set, so that an agent that is not there
 * or a limit that is too high is refused at once and not at three in the morning.
 */
export interface ScheduleServiceDeps {
  db: Database;
  organizations: OrganizationDirectory;
  schemas: SchemaChecker;
  clock: Clock;
}

export class ScheduleService {
  readonly #deps: ScheduleServiceDeps;

  constructor(deps: ScheduleServiceDeps) {
    this.#deps = deps;
  }

  /** @throws BullpenError ALREADY_EXISTS, SCHEDULE_INVALID, SCHEDULE_NEVER_FIRES, LIMIT_EXCEEDED, and what planning its run throws. */
  async create(orgId: string, request: CreateSchedule): Promise<Schedule> {
    const { db, clock } = this.#deps;
    const nowMs = clock.nowMs();
    const settings = newSettings(request, nowMs);
    const id = newId('schedule');
    await this.#checkCount(orgId);
    await this.#checkRun(orgId, { id, name: request.name, run: request.run });
    return insertSchedule(db, orgId, { ...settings, id, name: request.name, createdAt: new Date(nowMs).toISOString() });
  }

  /** @throws BullpenError NOT_FOUND, SCHEDULE_INVALID, SCHEDULE_NEVER_FIRES, and what planning its run throws. */
  async change(orgId: string, name: string, change: ChangeSchedule): Promise<Schedule> {
    const { db, clock } = this.#deps;
    if (change.run !== undefined) await this.#checkRun(orgId, { ...(await getSchedule(db, orgId, name)), run: change.run });
    return changeSchedule(db, orgId, name, (current) => changedSettings(current, change, clock.nowMs()));
  }

  /** The next times of a timing, whether or not the schedule is paused. @throws BullpenError SCHEDULE_INVALID */
  preview(timing: ScheduleTiming, count: number): SchedulePreview {
    const times = nextTimes(scheduleTimes(timing), this.#deps.clock.nowMs(), count);
    return { times: times.map((ms) => new Date(ms).toISOString()) };
  }

  /** Counted before the insert: two at the same moment may end one above, which harms nobody. */
  async #checkCount(orgId: string): Promise<void> {
    const most = MAX_SCHEDULES_PER_ORGANIZATION;
    if (await countSchedules(this.#deps.db, orgId) < most) return;
    throw new BullpenError('LIMIT_EXCEEDED', `the organization has ${most} schedules already`, { most });
  }

  async #checkRun(orgId: string, schedule: { id: string; name: string; run: ScheduledRun }): Promise<void> {
    const { db, organizations, clock, schemas } = this.#deps;
    const [organization, version] = await Promise.all([
      organizations.get(orgId),
      resolveRunVersion(db, orgId, schedule.run),
    ]);
    const plan = planScheduledRun(schedule, version, organization, clock.nowMs());
    await checkInput(schemas, version, plan.inputJson);
  }
}
