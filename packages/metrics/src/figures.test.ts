import { describe, expect, it } from '@jest/globals';

import { jainIndex } from './figures.ts';

describe("Jain's index", () => {
  it('is one where all are alike, and 1/n where one has everything', () => {
    expect(jainIndex([3, 3, 3])).toBeCloseTo(1);
    expect(jainIndex([9, 0, 0])).toBeCloseTo(1 / 3);
    expect(jainIndex([1, 2])).toBeCloseTo(0.9);
  });

  it('says nothing of fewer than two, or of nothing', () => {
    expect([jainIndex([]), jainIndex([5]), jainIndex([0, 0])]).toEqual([null, null, null]);
  });
});
