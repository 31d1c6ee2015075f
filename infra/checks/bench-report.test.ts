import { describe, expect, it } from '@jest/globals';

import { readBenchOutcome } from './bench-report.ts';

describe('the outcome of a benchmark', () => {
  it('is rounded to what was measured', () => {
    const results = [{ metric: 'e2e.p50_ms', value: 1.23456789, unit: 'ms', against: 2.000000001, ratio: 0.61728395 }];
    expect(readBenchOutcome({ results })).toEqual([{ metric: 'e2e.p50_ms', value: 1.23457, unit: 'ms', against: 2, ratio: 0.617284 }]);
  });

  it.each([
    ['no figure at all', []],
    ['a figure that is no number', [{ metric: 'a', value: Number.NaN, unit: 'ms' }]],
    ['a field nobody knows', [{ metric: 'a', value: 1, unit: 'ms', note: 'x' }]],
  ])('is refused with %s', (_, results) => {
    expect(() => readBenchOutcome({ results })).toThrow();
  });
});
