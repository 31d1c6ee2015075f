import type { AlertState } from './alert-schemas.ts';

/**
 * The life of one alert, as a pure step: nothing -> pending -> firing -> resolved. It fires when its value was above the threshold
 * for `forMs`, and is resolved when it has been at or below it for `RESOLVE_AFTER_MS`: a value that wavers about the threshold
 * neither fires nor resolves it each time. One that never fired leaves nothing behind.
 */
export interface OpenAlert {
  state: Exclude<AlertState, 'resolved'>;
  startedAtMs: number;
  /** Since when it has been at or below the threshold; null while it is above. */
  belowSinceMs: number | null;
}

export interface AlertCondition {
  value: number;
  threshold: number;
  forMs: number;
  nowMs: number;
}

export type AlertStep =
  | { kind: 'none' }
  | { kind: 'opened'; state: 'pending' | 'firing' }
  | { kind: 'kept'; belowSinceMs: number | null }
  | { kind: 'fired' }
  | { kind: 'resolved' }
  /** It was pending, and is over before it fired. */
  | { kind: 'dropped' };

export const RESOLVE_AFTER_MS = 60_000;

export function stepAlert(open: OpenAlert | null, { value, threshold, forMs, nowMs }: AlertCondition): AlertStep {
  const isAbove = value > threshold;
  if (open === null) return isAbove ? { kind: 'opened', state: forMs === 0 ? 'firing' : 'pending' } : { kind: 'none' };
  if (open.state === 'pending') {
    if (!isAbove) return { kind: 'dropped' };
    return nowMs - open.startedAtMs >= forMs ? { kind: 'fired' } : { kind: 'kept', belowSinceMs: null };
  }
  if (isAbove) return { kind: 'kept', belowSinceMs: null };
  const belowSinceMs = open.belowSinceMs ?? nowMs;
  return nowMs - belowSinceMs >= RESOLVE_AFTER_MS ? { kind: 'resolved' } : { kind: 'kept', belowSinceMs };
}
