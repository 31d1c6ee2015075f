import { Cron } from 'croner';

import { assertNever } from '../assert-never.ts';
import { BullpenError, messageOf } from '../errors.ts';
import { timeZone, ZONE_REACH_MS, type TimeZone } from './time-zone.ts';

/**
 * When a cron expression fires. The expression is matched on the wall clock alone (croner, at a fixed offset), and wall
 * times become instants here, so that what a change of the clock does is said in one place:
 *
 * - An expression that names hours (`30 2 * * *`) fires once for every wall time: in a repeated hour the first time
 *   only; in a jumped hour as long after midnight as ever, which is an hour later on the wall.
 * - An expression of every hour (`*` in the hour's place) follows real time: `0,30 * * * *` fires every 30 minutes,
 *   whatever the wall shows.
 */
export interface FireTimes {
  /** The first time after `afterMs` (not at it); null: never again. */
  nextAfter(afterMs: number): number | null;
}

const NICKNAMES: Readonly<Record<string, string>> = {
  '@yearly': '0 0 1 1 *',
  '@annually': '0 0 1 1 *',
  '@monthly': '0 0 1 * *',
  '@weekly': '0 0 * * 0',
  '@daily': '0 0 * * *',
  '@midnight': '0 0 * * *',
  '@hourly': '0 * * * *',
};

const EVERY_HOUR = /^(?:\*(?:\/1)?|\?|0-23)$/;

/** @throws BullpenError SCHEDULE_INVALID where the expression or the zone cannot be read. */
export function cronTimes(expression: string, zoneName: string): FireTimes {
  const fields = (NICKNAMES[expression.trim().toLowerCase()] ?? expression).trim().split(/\s+/);
  const zone = timeZone(zoneName);
  const walls = wallTimes(fields, expression);
  const everyHour = EVERY_HOUR.test(fields[1] ?? '');
  const instantsOf = (wallMs: number) => instantsAt(zone, wallMs, everyHour);
  return { nextAfter: (afterMs) => nextAfter(zone, walls, instantsOf, afterMs) };
}

/** The first matching wall time after `wallMs`; null: none to the end of the calendar. */
type WallTimes = (wallMs: number) => number | null;

function wallTimes(fields: readonly string[], expression: string): WallTimes {
  if (fields.length !== 5) {
    throw invalid(expression, 'it needs five fields: minute, hour, day of month, month, day of week');
  }
  try {
    const cron = new Cron(fields.join(' '), { utcOffset: 0 });
    return (wallMs) => cron.nextRun(new Date(wallMs))?.getTime() ?? null;
  } catch (error) {
    throw invalid(expression, messageOf(error).replace(/^CronPattern: /, ''));
  }
}

function invalid(cron: string, reason: string): BullpenError {
  return new BullpenError('SCHEDULE_INVALID', `the cron expression "${cron}" cannot be read: ${reason}`, { cron });
}

function instantsAt(zone: TimeZone, wallMs: number, everyHour: boolean): number[] {
  const found = zone.instantsOf(wallMs);
  switch (found.kind) {
    case 'once': return [found.atMs];
    case 'never': return everyHour ? [] : [found.atMs];
    case 'twice': return everyHour ? [found.atMs, found.againMs] : [found.atMs];
    default: return assertNever(found);
  }
}

/**
 * Wall times come in order, their instants need not: around a change of the clock a later wall time may be an earlier
 * instant. So the search begins at the earliest wall time that could be meant, and ends when no later one can be earlier.
 */
function nextAfter(zone: TimeZone, walls: WallTimes, instantsOf: (wallMs: number) => number[], afterMs: number): number | null {
  const offsets = [-ZONE_REACH_MS, 0, ZONE_REACH_MS].map((shiftMs) => zone.offsetMsAt(afterMs + shiftMs));
  let best: number | null = null;
  for (let wall = walls(afterMs + Math.min(...offsets)); wall !== null; wall = walls(wall)) {
    offsets.push(zone.offsetMsAt(wall - ZONE_REACH_MS), zone.offsetMsAt(wall + ZONE_REACH_MS));
    if (best !== null && wall - Math.max(...offsets) >= best) return best;
    const later = instantsOf(wall).filter((instantMs) => instantMs > afterMs);
    best = Math.min(best ?? Infinity, ...later);
    if (best === Infinity) best = null;
    else if (offsets.every((offset) => offset === offsets[0])) return best;
  }
  return best;
}
