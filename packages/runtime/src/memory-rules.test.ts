import { describe, expect, it } from '@jest/globals';

import { externalMemoryRule, threadMemoryRule, wholeProcessRule } from './memory-rules.ts';

const reading = (heapMb: number, externalMb: number) => ({ heapMb, externalMb, cpuMs: 0 });

describe('the rules of memory', () => {
  it('judge a thread of the worker by what lies outside its heap: beyond the limit suspected, at twice of it certain', () => {
    const found = [[64, 64], [64, 65], [0, 128], [0, 129]].map(([heap = 0, external = 0]) => externalMemoryRule(reading(heap, external), 64).kind);
    expect(found).toEqual(['within', 'suspected', 'suspected', 'beyond']);
  });

  it('judge a thread in a cell by heap and what lies outside together, with an eighth of slack', () => {
    const found = [[60, 12], [60, 13], [64, 65]].map(([heap = 0, external = 0]) => threadMemoryRule(reading(heap, external), 64).kind);
    expect(found).toEqual(['within', 'suspected', 'beyond']);
  });

  it('judge a process of one run by all of its memory, at once', () => {
    const found = [[72, 64], [73, 64], [20, 16], [21, 16]].map(([used = 0, limitMb = 0]) => wholeProcessRule(reading(used, 0), limitMb).kind);
    expect(found).toEqual(['within', 'beyond', 'within', 'beyond']);
  });
});
