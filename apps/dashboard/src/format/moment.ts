const clockTime = new Intl.DateTimeFormat('en-GB', { hour: '2-digit', minute: '2-digit', second: '2-digit' });
const hourMinute = new Intl.DateTimeFormat('en-GB', { hour: '2-digit', minute: '2-digit' });
const full = new Intl.DateTimeFormat('en-GB', {
  year: 'numeric', month: 'short', day: '2-digit', hour: '2-digit', minute: '2-digit', second: '2-digit',
  fractionalSecondDigits: 3, timeZoneName: 'short',
});

/** `11:04:32`, in the reader's time zone. */
export function formatClockTime(atMs: number): string {
  return clockTime.format(atMs);
}

/** `11:04`, in the reader's time zone. */
export function formatHourMinute(atMs: number): string {
  return hourMinute.format(atMs);
}

/** `22 Nov 2025, 11:04:32.120 GMT+1`: for titles, beside a relative time. */
export function formatFull(atMs: number): string {
  return full.format(atMs);
}

/** Milliseconds since the epoch of an ISO time, or null where there is none. */
export function parseTime(iso: string | null | undefined): number | null {
  if (iso === null || iso === undefined) return null;
  const ms = Date.parse(iso);
  return Number.isNaN(ms) ? null : ms;
}
