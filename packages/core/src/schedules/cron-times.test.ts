import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';

import { cronTimes } from './cron-times.ts';
import { timeZone } from './time-zone.ts';
import { nextTimes, timesBetween } from './schedule-times.ts';

/** The next times, without the seconds that are all zero. */
const next = (cron: string, zone: string, after: string, count: number) =>
  nextTimes(cronTimes(cron, zone), Date.parse(after), count).map((ms) => new Date(ms).toISOString().replace(':00.000Z', 'Z'));

describe('a cron expression where the clock is set forward', () => {
  it.each([
    ['Europe/Berlin', '2026-03-28T12:00:00Z', '30 2 * * *', ['2026-03-29T01:30Z', '2026-03-30T00:30Z', '2026-03-31T00:30Z']],
    ['America/New_York', '2026-03-07T12:00:00Z', '30 2 * * *', ['2026-03-08T07:30Z', '2026-03-09T06:30Z', '2026-03-10T06:30Z']],
    ['Australia/Lord_Howe', '2026-10-02T16:00:00Z', '15 2 * * *', ['2026-10-03T15:45Z', '2026-10-04T15:15Z', '2026-10-05T15:15Z']],
    ['Africa/Cairo', '2026-04-23T00:00:00Z', '30 0 * * *', ['2026-04-23T22:30Z', '2026-04-24T21:30Z', '2026-04-25T21:30Z']],
  ])('fires once in %s for a time that the wall never shows', (zone, after, cron, times) => {
    expect(next(cron, zone, after, 3)).toEqual(times);
  });

  it('fires for each of several times in the jumped hour, in order and never twice at one instant', () => {
    expect(next('15,45 2 * * *', 'Europe/Berlin', '2026-03-28T12:00:00Z', 3)).toEqual(['2026-03-29T01:15Z', '2026-03-29T01:45Z', '2026-03-30T00:15Z']);
    expect(next('0 2,3 * * *', 'Europe/Berlin', '2026-03-28T12:00:00Z', 3)).toEqual(['2026-03-29T01:00Z', '2026-03-30T00:00Z', '2026-03-30T01:00Z']);
    expect(next('10,50 1-3 29 3 *', 'Europe/Berlin', '2026-03-28T12:00:00Z', 5)).toEqual([
      '2026-03-29T00:10Z', '2026-03-29T00:50Z', '2026-03-29T01:10Z', '2026-03-29T01:50Z', '2027-03-28T23:10Z',
    ]);
  });

  it('keeps its rhythm where every hour is meant', () => {
    expect(next('*/30 * * * *', 'Europe/Berlin', '2026-03-29T00:15:00Z', 4)).toEqual(['2026-03-29T00:30Z', '2026-03-29T01:00Z', '2026-03-29T01:30Z', '2026-03-29T02:00Z']);
  });
});

describe('a cron expression where the clock is set back', () => {
  it.each([
    ['Europe/Berlin', '2026-10-24T12:00:00Z', '30 2 * * *', ['2026-10-25T00:30Z', '2026-10-26T01:30Z']],
    ['America/New_York', '2026-10-31T12:00:00Z', '30 1 * * *', ['2026-11-01T05:30Z', '2026-11-02T06:30Z']],
    ['Europe/Berlin', '2026-10-24T12:00:00Z', '15,45 2 * * *', ['2026-10-25T00:15Z', '2026-10-25T00:45Z', '2026-10-26T01:15Z']],
    ['Australia/Lord_Howe', '2026-04-03T15:00:00Z', '45 1 * * *', ['2026-04-04T14:45Z', '2026-04-05T15:15Z']],
  ])('fires once in %s for a time that the wall shows twice', (zone, after, cron, times) => {
    expect(next(cron, zone, after, times.length)).toEqual(times);
  });

  it('does not fire again when it is asked between the two', () => {
    expect(next('30 2 * * *', 'Europe/Berlin', '2026-10-25T00:30:00Z', 1)).toEqual(['2026-10-26T01:30Z']);
    expect(next('30 2 * * *', 'Europe/Berlin', '2026-10-25T01:00:00Z', 1)).toEqual(['2026-10-26T01:30Z']);
  });

  it('keeps its rhythm where every hour is meant', () => {
    expect(next('@hourly', 'Europe/Berlin', '2026-10-24T22:30:00Z', 5)).toEqual([
      '2026-10-24T23:00Z', '2026-10-25T00:00Z', '2026-10-25T01:00Z', '2026-10-25T02:00Z', '2026-10-25T03:00Z',
    ]);
    expect(next('*/30 * * * *', 'America/New_York', '2026-11-01T05:15:00Z', 4)).toEqual(['2026-11-01T05:30Z', '2026-11-01T06:00Z', '2026-11-01T06:30Z', '2026-11-01T07:00Z']);
  });
});

describe('a cron expression in the calendar', () => {
  it('leaves out months that are too short, and finds the last day of each', () => {
    expect(next('0 0 31 * *', 'UTC', '2026-01-01T00:00:00Z', 3)).toEqual(['2026-01-31T00:00Z', '2026-03-31T00:00Z', '2026-05-31T00:00Z']);
    expect(next('0 0 L * *', 'UTC', '2026-01-01T00:00:00Z', 3)).toEqual(['2026-01-31T00:00Z', '2026-02-28T00:00Z', '2026-03-31T00:00Z']);
  });

  it('waits for the leap day', () => {
    expect(next('0 12 29 2 *', 'Europe/Berlin', '2026-01-01T00:00:00Z', 2)).toEqual(['2028-02-29T11:00Z', '2032-02-29T11:00Z']);
  });

  it('fires strictly after the time it is asked about, to the millisecond', () => {
    const times = cronTimes('0 12 * * *', 'UTC');
    const noonMs = Date.UTC(2026, 5, 1, 12);
    expect(times.nextAfter(noonMs - 1)).toBe(noonMs);
    expect(times.nextAfter(noonMs - 999)).toBe(noonMs);
    expect(times.nextAfter(noonMs)).toBe(noonMs + 86_400_000);
    expect(times.nextAfter(noonMs + 1)).toBe(noonMs + 86_400_000);
  });

  it('never fires on a day that no year has', () => {
    expect(cronTimes('0 0 30 2 *', 'UTC').nextAfter(0)).toBeNull();
  });

  it.each([
    ['', 'UTC'], ['* * * *', 'UTC'], ['* * * * * *', 'UTC'], ['61 * * * *', 'UTC'], ['@reboot', 'UTC'], ['2026-05-05T00:00:00', 'UTC'],
    ['nonsense of five words here', 'UTC'], ['0 0 * * *', 'Mars/Base'], ['0 0 * * *', '+02:00'], ['0 0 * * *', ''],
  ])('refuses "%s" in "%s"', (cron, zone) => {
    expect(() => cronTimes(cron, zone)).toThrow(expect.objectContaining({ code: 'SCHEDULE_INVALID' }));
  });
});

describe('cron expressions at large', () => {
  const zones = fc.constantFrom('UTC', 'Europe/Berlin', 'America/New_York', 'Australia/Lord_Howe', 'Asia/Beirut', 'Africa/Cairo', 'America/St_Johns', 'Africa/Casablanca', 'Pacific/Chatham');

  /** The last instant before the year begins on the wall: a zone may end a year with another offset than it began it. */
  const newYear = (zone: string, year: number) => timeZone(zone).instantsOf(Date.UTC(year, 0, 1)).atMs - 1;

  it('fire once on every day of a year, whatever the clock does', () => {
    fc.assert(fc.property(zones, fc.nat(23), fc.nat(59), (zone, hour, minute) => {
      const all = timesBetween(cronTimes(`${minute} ${hour} * * *`, zone), newYear(zone, 2026), newYear(zone, 2027));
      const day = new Intl.DateTimeFormat('sv-SE', { timeZone: zone, dateStyle: 'short' });
      const days = new Set(all.map((ms) => day.format(ms)));
      expect(all).toHaveLength(365);
      expect(days.size).toBe(365);
    }), { numRuns: 40 });
  });

  it('give the same times whether they are walked in order or asked about from anywhere between', () => {
    const crons = fc.constantFrom('*/7 * * * *', '15,45 1-3 * * *', '5 */2 * * *', '0 0,2,3 * * 0', '59 23 L * *');
    const changes = fc.constantFrom('2026-03-29', '2026-10-25', '2026-03-08', '2026-11-01', '2026-04-05', '2026-10-04');
    fc.assert(fc.property(crons, zones, changes, fc.integer({ min: -36 * 3600, max: 36 * 3600 }), (cron, zone, change, seconds) => {
      const times = cronTimes(cron, zone);
      const fromMs = Date.parse(change) - 40 * 3_600_000;
      const walked = nextTimes(times, fromMs, 150);
      const askedMs = Date.parse(change) + seconds * 1000;
      expect(walked).toEqual([...new Set(walked)].sort((a, b) => a - b));
      if (askedMs < (walked.at(-1) ?? 0)) expect(times.nextAfter(askedMs)).toBe(walked.find((ms) => ms > askedMs));
    }), { numRuns: 120 });
  });
});
