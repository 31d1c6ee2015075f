import { BullpenError } from '../errors.ts';
import { cronTimes, type FireTimes } from './cron-times.ts';

/** What decides when a schedule fires: a cron expression with its zone, or an interval, within a window. */
export interface ScheduleTiming {
  cron: string | null;
  /** IANA name; null with an interval, which knows no zones. */
  timeZone: string | null;
  intervalMs: number | null;
  /** The first instant at which it may fire; an interval fires at it. Null: it may at once. */
  startAt: string | null;
  /** From this instant on it fires no more. */
  endAt: string | null;
  /** When the timing was set: what an interval without a start counts from. */
  timedAt: string;
}

/**
 * The times at which a schedule fires, strictly rising.
 * @throws BullpenError SCHEDULE_INVALID
 */
export function scheduleTimes(timing: ScheduleTiming): FireTimes {
  const startMs = timing.startAt === null ? null : Date.parse(timing.startAt);
  const endMs = timing.endAt === null ? Infinity : Date.parse(timing.endAt);
  if (startMs !== null && endMs <= startMs) throw new BullpenError('SCHEDULE_INVALID', 'endAt is not after startAt');
  const rule = ruleOf(timing, startMs);
  return {
    nextAfter(afterMs) {
      const next = rule.nextAfter(startMs === null ? afterMs : Math.max(afterMs, startMs - 1));
      return next === null || next >= endMs ? null : next;
    },
  };
}

function ruleOf({ cron, timeZone, intervalMs, timedAt }: ScheduleTiming, startMs: number | null): FireTimes {
  if ((cron === null) === (intervalMs === null)) throw new BullpenError('SCHEDULE_INVALID', 'give either cron or intervalMs');
  if (cron !== null) return cronTimes(cron, timeZone ?? 'UTC');
  if (timeZone !== null) throw new BullpenError('SCHEDULE_INVALID', 'an interval has no timeZone');
  return intervalTimes(intervalMs as number, startMs ?? Date.parse(timedAt) + (intervalMs as number));
}

function intervalTimes(everyMs: number, firstMs: number): FireTimes {
  return { nextAfter: (afterMs) => (afterMs < firstMs ? firstMs : firstMs + (Math.floor((afterMs - firstMs) / everyMs) + 1) * everyMs) };
}

/** The next `count` times after `afterMs`; fewer where it ends before. */
export function nextTimes(times: FireTimes, afterMs: number, count: number): number[] {
  const found: number[] = [];
  for (let next = times.nextAfter(afterMs); next !== null && found.length < count; next = times.nextAfter(next)) found.push(next);
  return found;
}

/** All times from `fromMs` to `toMs`, both included. */
export function timesBetween(times: FireTimes, fromMs: number, toMs: number): number[] {
  const found: number[] = [];
  for (let next = times.nextAfter(fromMs - 1); next !== null && next <= toMs; next = times.nextAfter(next)) found.push(next);
  return found;
}

const FIRST_LOOK_BACK_MS = 60_000;

/**
 * The newest `count` of the times from `fromMs` to `toMs`, oldest first. Looks back twice as far each time, so that what
 * a year of downtime costs depends on `count` and not on the year.
 */
export function newestTimes(times: FireTimes, fromMs: number, toMs: number, count: number): number[] {
  for (let spanMs = FIRST_LOOK_BACK_MS; ; spanMs *= 2) {
    const sinceMs = Math.max(fromMs, toMs - spanMs);
    const found = timesBetween(times, sinceMs, toMs);
    if (found.length >= count || sinceMs === fromMs) return found.slice(-count);
  }
}
