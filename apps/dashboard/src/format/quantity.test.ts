import { describe, expect, it } from '@jest/globals';

import { formatCount, formatDecimal, formatMb, formatRatio, plural, someOf } from './quantity.ts';

describe('quantities', () => {
  it.each([[0, '0 MB'], [6.42, '6.4 MB'], [10, '10 MB'], [1023.4, '1023 MB'], [1023.6, '1 GB'], [1536, '1.5 GB'], [409_600, '400 GB']])(
    'writes %d MB as %s', (mb, text) => {
      expect(formatMb(mb)).toBe(text);
    },
  );

  it.each([[0, '0 %'], [0.0004, '<0.1 %'], [0.024, '2.4 %'], [0.5, '50 %'], [1, '100 %']])('writes the ratio %d as %s', (ratio, text) => {
    expect(formatRatio(ratio)).toBe(text);
  });

  it('groups thousands and keeps three digits of a decimal', () => {
    expect([formatCount(1284), formatDecimal(0.012_345), formatDecimal(21.44), formatDecimal(1284.4)])
      .toEqual(['1,284', '0.0123', '21.4', '1,284']);
  });

  it('lists a few names and counts the rest', () => {
    expect([['a'], ['a', 'b'], ['a', 'b', 'c'], ['a', 'b', 'c', 'd', 'e']].map((names) => someOf(names)))
      .toEqual(['a', 'a and b', 'a, b and c', 'a, b and 3 more']);
  });

  it('agrees in number', () => {
    expect([plural(0, 'run'), plural(1, 'run'), plural(2, 'run'), plural(2, 'is', 'are')]).toEqual(['0 runs', '1 run', '2 runs', '2 are']);
  });
});
