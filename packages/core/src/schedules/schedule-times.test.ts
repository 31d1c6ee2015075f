import { describe, expect, it } from '@jest/globals';

import { newestTimes, nextTimes, scheduleTimes, timesBetween, type ScheduleTiming } from './schedule-times.ts';

const MINUTE_MS = 60_000;
const base: ScheduleTiming = { cron: null, timeZone: null, intervalMs: null, startAt: null, endAt: null, timedAt: '2026-01-01T10:00:00.000Z' };
const iso = (ms: readonly number[]) => ms.map((one) => new Date(one).toISOString());
const next = (timing: Partial<ScheduleTiming>, after: string, count = 3) => iso(nextTimes(scheduleTimes({ ...base, ...timing }), Date.parse(after), count));

describe('an interval', () => {
  it('counts from when it was set, and fires a whole interval later first', () => {
    expect(next({ intervalMs: 90_000 }, base.timedAt)).toEqual(['2026-01-01T10:01:30.000Z', '2026-01-01T10:03:00.000Z', '2026-01-01T10:04:30.000Z']);
    expect(next({ intervalMs: 90_000 }, '2026-01-01T10:01:30.000Z', 1)).toEqual(['2026-01-01T10:03:00.000Z']);
  });

  it('counts from its start where it has one, and fires at it', () => {
    const timing = { intervalMs: MINUTE_MS, startAt: '2026-02-01T00:00:30.000Z' };
    expect(next(timing, base.timedAt, 2)).toEqual(['2026-02-01T00:00:30.000Z', '2026-02-01T00:01:30.000Z']);
    expect(next(timing, '2026-03-01T00:00:00.000Z', 1)).toEqual(['2026-03-01T00:00:30.000Z']);
  });

  it('is as long as ever across a change of the clock', () => {
    const times = scheduleTimes({ ...base, intervalMs: 7 * MINUTE_MS });
    const all = timesBetween(times, Date.parse('2026-10-24T22:00:00Z'), Date.parse('2026-10-25T04:00:00Z'));
    expect(new Set(all.slice(1).map((ms, i) => ms - (all[i] as number)))).toEqual(new Set([7 * MINUTE_MS]));
  });
});

describe('the window of a schedule', () => {
  const daily = { cron: '0 12 * * *', timeZone: 'Europe/Berlin' };

  it('lets it fire at its start but not at its end', () => {
    const window = { startAt: '2026-06-01T10:00:00.000Z', endAt: '2026-06-03T10:00:00.000Z' };
    expect(next({ ...daily, ...window }, base.timedAt, 10)).toEqual(['2026-06-01T10:00:00.000Z', '2026-06-02T10:00:00.000Z']);
    expect(next({ ...daily, ...window }, '2026-06-02T10:00:00.000Z')).toEqual([]);
  });

  it.each<[string, Partial<ScheduleTiming>]>([
    ['no timing', {}],
    ['two timings', { ...daily, intervalMs: 1000 }],
    ['an interval in a time zone', { intervalMs: 1000, timeZone: 'UTC' }],
    ['an end before its start', { ...daily, startAt: '2026-02-01T00:00:00Z', endAt: '2026-01-01T00:00:00Z' }],
  ])('is refused with %s', (_what, timing) => {
    expect(() => scheduleTimes({ ...base, ...timing })).toThrow(expect.objectContaining({ code: 'SCHEDULE_INVALID' }));
  });

  it('takes UTC where a cron expression names no zone', () => {
    expect(next({ cron: '@daily' }, base.timedAt, 1)).toEqual(['2026-01-02T00:00:00.000Z']);
  });
});

describe('looking back', () => {
  const fromMs = Date.parse('2025-01-01T00:00:00Z');
  const toMs = Date.parse('2026-01-01T00:00:30Z');

  it('finds the newest times, oldest first', () => {
    const times = scheduleTimes({ ...base, cron: '*/20 * * * *' });
    expect(iso(newestTimes(times, fromMs, toMs, 3))).toEqual(['2025-12-31T23:20:00.000Z', '2025-12-31T23:40:00.000Z', '2026-01-01T00:00:00.000Z']);
    expect(iso(newestTimes(scheduleTimes({ ...base, cron: '0 0 1 7 *' }), fromMs, toMs, 3))).toEqual(['2025-07-01T00:00:00.000Z']);
  });

  it('costs what is asked for, not what was missed', () => {
    const times = scheduleTimes({ ...base, cron: '* * * * *' });
    let asked = 0;
    const counting = { nextAfter: (ms: number) => { asked += 1; return times.nextAfter(ms); } };
    expect(newestTimes(counting, fromMs, toMs, 10)).toHaveLength(10);
    expect(asked).toBeLessThan(100);
  });
});
