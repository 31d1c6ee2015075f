import { describe, expect, it } from '@jest/globals';

import { mostAtOnce } from './load-check.ts';

const at = (second: number): string => new Date(second * 1000).toISOString();

describe('the most runs at once', () => {
  it('counts those that overlap, and one that ends as another starts as one', () => {
    const run = (from: number, to: number) => ({ startedAt: at(from), finishedAt: at(to) });
    expect(mostAtOnce([])).toBe(0);
    expect(mostAtOnce([run(0, 10), run(10, 20), run(20, 30)])).toBe(1);
    expect(mostAtOnce([run(0, 10), run(5, 15), run(9, 20), run(15, 30)])).toBe(3);
  });

  it('leaves out what never started', () => {
    expect(mostAtOnce([{ startedAt: null, finishedAt: at(3) }])).toBe(0);
  });
});
