import { describe, expect, it } from '@jest/globals';

import { jainIndex, worstShareError } from './measures.ts';

describe('the measures of fairness', () => {
  it('calls equal amounts 1 and everything to one of n 1/n', () => {
    expect(jainIndex([3, 3, 3])).toBeCloseTo(1);
    expect(jainIndex([9, 0, 0])).toBeCloseTo(1 / 3);
    expect(jainIndex([0, 0])).toBe(1);
  });

  it('compares shares with what the weights give', () => {
    expect(worstShareError([1, 2, 4], [1, 2, 4])).toBeCloseTo(0);
    expect(worstShareError([2, 2, 3], [1, 2, 4])).toBeCloseTo(1);
  });
});
