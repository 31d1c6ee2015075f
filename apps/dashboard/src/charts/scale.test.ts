import { describe, expect, it } from '@jest/globals';

import { countTicks, linearScale, timeTicks } from './scale.ts';

describe('scales', () => {
  it.each([
    [0, [0, 1]], [1, [0, 1]], [3, [0, 1, 2, 3]], [4, [0, 1, 2, 3, 4]], [7, [0, 2, 4, 6, 8]], [42, [0, 20, 40, 60]],
    [100, [0, 50, 100]], [1234, [0, 500, 1000, 1500]],
  ])('labels counts up to %d with whole, round numbers', (max, ticks) => {
    expect(countTicks(max)).toEqual(ticks);
  });

  it('never makes more steps than asked for, and always reaches the top', () => {
    for (let max = 1; max < 5000; max += 7) {
      const ticks = countTicks(max, 4);
      expect(ticks.length - 1).toBeLessThanOrEqual(4);
      expect(ticks.at(-1)).toBeGreaterThanOrEqual(max);
    }
  });

  it('maps a domain to a range, upside down too, and survives an empty domain', () => {
    expect([linearScale([0, 10], [100, 0])(2.5), linearScale([3, 3], [5, 9])(3)]).toEqual([75, 5]);
  });

  it('puts time labels on round local times', () => {
    const from = Date.UTC(2025, 10, 22, 10, 7);
    const offsetMs = 5.5 * 3_600_000;
    const ticks = timeTicks(from, from + 3_600_000, 6, offsetMs);
    expect(ticks.map((atMs) => new Date(atMs + offsetMs).toISOString().slice(11, 16))).toEqual(['15:40', '15:50', '16:00', '16:10', '16:20', '16:30']);
  });
});
