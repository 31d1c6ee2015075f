const SECOND_MS = 1000;
const MINUTE_MS = 60 * SECOND_MS;
const HOUR_MS = 60 * MINUTE_MS;
const DAY_MS = 24 * HOUR_MS;

/** What stands where there is no value. */
export const NO_VALUE = '–';

/** A measured duration: `340 ms`, `4.2 s`, `2 min 05 s`, `3 h 12 min`, `4 d 2 h`. */
export function formatDuration(ms: number | null | undefined): string {
  if (ms === null || ms === undefined || !Number.isFinite(ms)) return NO_VALUE;
  const positiveMs = Math.max(0, ms);
  if (positiveMs > 0 && positiveMs < 1) return '<1 ms';
  if (Math.round(positiveMs) < SECOND_MS) return `${Math.round(positiveMs)} ms`;
  const tenths = Math.round(positiveMs / 100);
  if (tenths < 600) return `${(tenths / 10).toFixed(1)} s`;
  return formatLong(positiveMs);
}

function formatLong(ms: number): string {
  const seconds = Math.round(ms / SECOND_MS);
  if (seconds < 3600) return `${Math.floor(seconds / 60)} min ${String(seconds % 60).padStart(2, '0')} s`;
  const minutes = Math.round(ms / MINUTE_MS);
  if (minutes < 24 * 60) return `${Math.floor(minutes / 60)} h ${String(minutes % 60).padStart(2, '0')} min`;
  const hours = Math.round(ms / HOUR_MS);
  return `${Math.floor(hours / 24)} d ${hours % 24} h`;
}

/** Time that is still running, in whole seconds: `0 s`, `42 s`, `2 min 05 s`. Tenths that move once a second only flicker. */
export function formatElapsed(ms: number): string {
  const seconds = Math.floor(Math.max(0, ms) / SECOND_MS);
  return seconds < 60 ? `${seconds} s` : formatLong(seconds * SECOND_MS);
}

/** How long something has lasted, in its largest unit: `12 s`, `5 min`, `3 h`, `2 d`. Rounded down, like a clock. */
export function formatAge(ms: number): string {
  const positiveMs = Math.max(0, ms);
  if (positiveMs < MINUTE_MS) return `${Math.floor(positiveMs / SECOND_MS)} s`;
  if (positiveMs < HOUR_MS) return `${Math.floor(positiveMs / MINUTE_MS)} min`;
  if (positiveMs < 2 * DAY_MS) return `${Math.floor(positiveMs / HOUR_MS)} h`;
  return `${Math.floor(positiveMs / DAY_MS)} d`;
}

/** A moment seen from `nowMs`: `12 s ago`, `in 5 s`, `now`. */
export function formatRelative(atMs: number, nowMs: number): string {
  const elapsedMs = nowMs - atMs;
  if (Math.abs(elapsedMs) < SECOND_MS) return 'now';
  return elapsedMs > 0 ? `${formatAge(elapsedMs)} ago` : `in ${formatAge(-elapsedMs)}`;
}
