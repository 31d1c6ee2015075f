import {
  BullpenError, nextTimes, scheduleTimes, type ChangeSchedule, type CreateSchedule, type Schedule, type ScheduleTiming,
} from '@bullpen/core';
import type { ScheduleSettings } from '@bullpen/db';

/** What a request leaves out of a timing. */
type AskedTiming = Pick<CreateSchedule, 'cron' | 'timeZone' | 'intervalMs' | 'startAt' | 'endAt'>;

/** The timing that a request asks for from `nowMs` on. */
export function timingOf(asked: AskedTiming, nowMs: number): ScheduleTiming {
  const { cron = null, intervalMs = null, startAt, endAt } = asked;
  const timeZone = asked.timeZone ?? (cron === null ? null : 'UTC');
  return { cron, timeZone, intervalMs, startAt, endAt, timedAt: new Date(nowMs).toISOString() };
}

/** @throws BullpenError SCHEDULE_INVALID, SCHEDULE_NEVER_FIRES */
export function newSettings(request: CreateSchedule, nowMs: number): ScheduleSettings {
  const { run, overlap, catchUp, maxCatchUp, paused } = request;
  const timing = timingOf(request, nowMs);
  const firstAt = firstTimeOf(timing, nowMs);
  return { ...timing, run, overlap, catchUp, maxCatchUp, paused, nextAt: paused ? null : firstAt, pendingAt: null };
}

/**
 * The settings after a change. The next time stays as it is unless the timing changed or the schedule was resumed; then
 * it counts from now, and what passed before is not caught up with.
 * @throws BullpenError SCHEDULE_INVALID, SCHEDULE_NEVER_FIRES
 */
export function changedSettings(current: Schedule, change: ChangeSchedule, nowMs: number): ScheduleSettings {
  const timing = changedTiming(current, change, nowMs);
  const paused = change.paused ?? current.paused;
  const isRetimed = [change.cron, change.timeZone, change.intervalMs, change.startAt, change.endAt].some((field) => field !== undefined);
  const isResumed = current.paused && !paused;
  const firstAt = isRetimed || isResumed ? firstTimeOf(timing, nowMs) : current.nextAt;
  return {
    ...timing,
    run: change.run ?? current.run,
    overlap: change.overlap ?? current.overlap,
    catchUp: change.catchUp ?? current.catchUp,
    maxCatchUp: change.maxCatchUp ?? current.maxCatchUp,
    paused,
    nextAt: paused ? null : firstAt,
    pendingAt: paused ? null : current.pendingAt,
  };
}

function changedTiming(current: Schedule, change: ChangeSchedule, nowMs: number): ScheduleTiming {
  const startAt = change.startAt === undefined ? current.startAt : change.startAt;
  const endAt = change.endAt === undefined ? current.endAt : change.endAt;
  if (change.cron === undefined && change.intervalMs === undefined) {
    return { cron: current.cron, intervalMs: current.intervalMs, timeZone: change.timeZone ?? current.timeZone, startAt, endAt, timedAt: current.timedAt };
  }
  const { cron, intervalMs, timeZone = cron === undefined ? undefined : (current.timeZone ?? undefined) } = change;
  return timingOf({ cron, intervalMs, timeZone, startAt, endAt }, nowMs);
}

function firstTimeOf(timing: ScheduleTiming, nowMs: number): string {
  const [first] = nextTimes(scheduleTimes(timing), nowMs, 1);
  if (first === undefined) throw new BullpenError('SCHEDULE_NEVER_FIRES', 'the schedule has no time in the future');
  return new Date(first).toISOString();
}
