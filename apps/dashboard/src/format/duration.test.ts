import { describe, expect, it } from '@jest/globals';

import { NO_VALUE, formatAge, formatDuration, formatElapsed, formatRelative } from './duration.ts';

describe('durations', () => {
  it.each([
    [0, '0 ms'], [0.4, '<1 ms'], [340.4, '340 ms'], [999.4, '999 ms'], [999.6, '1.0 s'], [4_210, '4.2 s'],
    [59_940, '59.9 s'], [59_960, '1 min 00 s'], [125_000, '2 min 05 s'], [3_599_700, '1 h 00 min'],
    [11_520_000, '3 h 12 min'], [4 * 86_400_000 + 7_200_000, '4 d 2 h'], [-5, '0 ms'],
  ])('writes %d ms as %s', (ms, text) => {
    expect(formatDuration(ms)).toBe(text);
  });

  it('writes a dash where there is nothing to measure', () => {
    expect([formatDuration(null), formatDuration(undefined), formatDuration(Number.NaN)]).toEqual([NO_VALUE, NO_VALUE, NO_VALUE]);
  });

  it('rounds an age down, so that it never runs ahead of the clock', () => {
    expect([59_999, 60_000, 3_599_999, 86_400_000, 172_800_000].map(formatAge)).toEqual(['59 s', '1 min', '59 min', '24 h', '2 d']);
  });

  it('counts running time in whole seconds', () => {
    expect([-3, 999, 42_900, 60_000, 125_999].map(formatElapsed)).toEqual(['0 s', '0 s', '42 s', '1 min 00 s', '2 min 05 s']);
  });

  it('says what is past, what is to come and what is now', () => {
    expect([formatRelative(1000, 13_000), formatRelative(9000, 4000), formatRelative(5000, 5400)])
      .toEqual(['12 s ago', 'in 5 s', 'now']);
  });
});
