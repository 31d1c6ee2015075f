import { describe, expect, it } from '@jest/globals';

import { DELIVERY_WAITS_MS, deliveryWaitMs, readRetryAfterMs } from './retry-schedule.ts';

const HOUR_MS = 3_600_000;
const wait = (attempts: number, random = 0.5, retryAfterMs: number | null = null) => deliveryWaitMs({ attempts, retryAfterMs, random });

describe('the waits between attempts', () => {
  it('grow from seconds to a day, and end after ten attempts and three days', () => {
    expect(DELIVERY_WAITS_MS.map((_, i) => wait(i + 1))).toEqual([5000, 300_000, 1_800_000, 2 * HOUR_MS, 5 * HOUR_MS, 10 * HOUR_MS, 14 * HOUR_MS, 20 * HOUR_MS, 24 * HOUR_MS]);
    expect(wait(10)).toBeNull();
  });

  it('are spread by a tenth to either side', () => {
    expect([wait(1, 0), wait(1, 0.999)]).toEqual([4500, 5499]);
  });

  it('are never shorter than the receiver asked for, and never longer than a day for it', () => {
    expect([wait(1, 0.5, 60_000), wait(3, 0.5, 1000), wait(1, 0.5, 400 * HOUR_MS)]).toEqual([60_000, 1_800_000, 24 * HOUR_MS]);
    expect(wait(10, 0.5, 1000)).toBeNull();
  });
});

describe('Retry-After', () => {
  const nowMs = Date.parse('2026-03-10T14:00:00Z');
  it.each<[string | undefined, number | null]>([
    ['120', 120_000], ['0', 0], ['Tue, 10 Mar 2026 14:01:00 GMT', 60_000], ['Tue, 10 Mar 2026 13:00:00 GMT', 0],
    [undefined, null], ['', null], ['soon', null], ['-5', null], ['1.5', null], ['99999999999', null],
  ])('%s is %s ms', (header, expected) => {
    expect(readRetryAfterMs(header, nowMs)).toBe(expected);
  });
});
