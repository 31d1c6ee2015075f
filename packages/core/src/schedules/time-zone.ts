import { BullpenError } from '../errors.ts';

/**
 * A time zone as two questions. Wall times are milliseconds as if the clock on the wall showed UTC: 02:30 on
 * 29 March 2026 is `Date.UTC(2026, 2, 29, 2, 30)` wherever the wall is.
 */
export interface TimeZone {
  /** Milliseconds that the wall clock is ahead of UTC at this instant. */
  offsetMsAt(instantMs: number): number;
  /** What the wall clock does at this wall time. */
  instantsOf(wallMs: number): WallInstants;
}

export type WallInstants =
  | { kind: 'once'; atMs: number }
  /** The clock is set forward over this time. `atMs` is when it would have come, had the clock not been set (RFC 5545, 3.3.5). */
  | { kind: 'never'; atMs: number }
  /** The clock is set back over this time: it is shown twice. */
  | { kind: 'twice'; atMs: number; againMs: number };

/** Farther than any zone's clock is from UTC, and changes of one zone are weeks apart: one change at most lies within. */
export const ZONE_REACH_MS = 24 * 60 * 60 * 1000;

/** A formatter of a zone takes some 70 us to make and 1 us to ask. */
const remembered = new Map<string, TimeZone>();
const MAX_REMEMBERED = 600;

/** @throws BullpenError SCHEDULE_INVALID where it is no IANA name that this process knows. */
export function timeZone(name: string): TimeZone {
  const known = remembered.get(name);
  if (known !== undefined) return known;
  const offsetMsAt = offsetsOf(name);
  const zone: TimeZone = { offsetMsAt, instantsOf: (wallMs) => instantsOf(offsetMsAt, wallMs) };
  if (remembered.size >= MAX_REMEMBERED) remembered.clear();
  remembered.set(name, zone);
  return zone;
}

function offsetsOf(name: string): (instantMs: number) => number {
  const format = formatOf(name);
  return (instantMs) => {
    const [, sign, hours = 0, minutes = 0, seconds = 0] = /GMT(?:([+-])(\d+):(\d+)(?::(\d+))?)?$/.exec(format.format(instantMs)) ?? [];
    const ms = ((Number(hours) * 60 + Number(minutes)) * 60 + Number(seconds)) * 1000;
    return sign === '-' ? -ms : ms;
  };
}

function formatOf(name: string): Intl.DateTimeFormat {
  try {
    // Intl takes offsets such as +02:00 as well; they are no zones and know no daylight saving.
    if (/^[A-Za-z]/.test(name)) return new Intl.DateTimeFormat('en-US', { timeZone: name, timeZoneName: 'longOffset' });
  } catch {
    // Falls through: Intl throws a RangeError at what it does not know.
  }
  throw new BullpenError('SCHEDULE_INVALID', `there is no time zone ${name}; use an IANA name such as Europe/Berlin`, { timeZone: name });
}

function instantsOf(offsetMsAt: (instantMs: number) => number, wallMs: number): WallInstants {
  const beforeMs = offsetMsAt(wallMs - ZONE_REACH_MS);
  const afterMs = offsetMsAt(wallMs + ZONE_REACH_MS);
  const byBefore = wallMs - beforeMs;
  const byAfter = wallMs - afterMs;
  if (beforeMs === afterMs) return { kind: 'once', atMs: byBefore };
  const beforeHolds = offsetMsAt(byBefore) === beforeMs;
  const afterHolds = offsetMsAt(byAfter) === afterMs;
  if (beforeHolds && afterHolds) return { kind: 'twice', atMs: byBefore, againMs: byAfter };
  if (!beforeHolds && !afterHolds) return { kind: 'never', atMs: byBefore };
  return { kind: 'once', atMs: beforeHolds ? byBefore : byAfter };
}
