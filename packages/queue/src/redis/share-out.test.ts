import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';

import { shareOut } from './share-out.ts';

const line = (...times: number[]) => ({ times, readyCount: times.length, dueCount: 0 });

describe('a turn over several shards', () => {
  it('takes of each as many as it holds of the lowest virtual times', () => {
    expect(shareOut([line(1, 2, 9), line(), line(3, 4)], 3)).toEqual([2, 0, 1]);
    expect(shareOut([line(5), line(1), line(3)], 2)).toEqual([0, 1, 1]);
  });

  it('shares what is left by how many wait in each, where organizations are fewer than runs wanted', () => {
    expect(shareOut([line(1), line(1, 1, 1)], 12)).toEqual([3, 9]);
    expect(shareOut([line(), line(7)], 16)).toEqual([0, 16]);
  });

  it('lets those in whose time has come', () => {
    expect(shareOut([line(1, 1, 1, 1), { times: [], readyCount: 0, dueCount: 1 }], 2)).toEqual([1, 1]);
  });

  it('never gives more than is wanted, and all of it where anybody waits', () => {
    const lines = fc.array(fc.record({ times: fc.array(fc.nat(100)).map((times) => times.sort((a, b) => a - b)), dueCount: fc.nat(3) }), { minLength: 1, maxLength: 16 });
    fc.assert(fc.property(lines, fc.integer({ min: 1, max: 64 }), (some, max) => {
      const shards = some.map(({ times, dueCount }) => ({ times: times.slice(0, max), readyCount: times.length, dueCount }));
      const counts = shareOut(shards, max);
      const waits = shards.some(({ readyCount, dueCount }) => readyCount + dueCount > 0);
      expect(counts.reduce((sum, count) => sum + count, 0)).toBe(waits ? max : 0);
      counts.forEach((count, i) => expect(count === 0 || shards[i]!.readyCount + shards[i]!.dueCount > 0).toBe(true));
    }));
  });
});
