import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';

import { KeyedHeap } from './keyed-heap.ts';

type Step = { kind: 'set'; member: string; score: number } | { kind: 'delete'; member: string } | { kind: 'pop' };

const member = fc.constantFrom('a', 'b', 'c', 'd', 'e', 'f', 'g', 'h', 'i');
const step: fc.Arbitrary<Step> = fc.oneof(
  fc.record({ kind: fc.constant('set' as const), member, score: fc.integer({ min: 0, max: 5 }) }),
  fc.record({ kind: fc.constant('delete' as const), member }),
  fc.constant({ kind: 'pop' as const }),
);

/** The same, said simply: sorted anew each time. */
function lowest(scores: ReadonlyMap<string, number>): { member: string; score: number } | undefined {
  const sorted = [...scores].sort(([a, x], [b, y]) => x - y || (a < b ? -1 : 1));
  return sorted[0] && { member: sorted[0][0], score: sorted[0][1] };
}

describe('the heap with an index', () => {
  it('is a sorted set, whatever is done to it', () => {
    fc.assert(fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
      const heap = new KeyedHeap();
      const model = new Map<string, number>();
      for (const one of steps) {
        if (one.kind === 'set') { heap.set(one.member, one.score); model.set(one.member, one.score); }
        else if (one.kind === 'delete') expect(heap.delete(one.member)).toBe(model.delete(one.member));
        else { const first = lowest(model); expect(heap.pop()).toEqual(first); model.delete(first?.member ?? ''); }
        expect(heap.first()).toEqual(lowest(model));
        expect(heap.size).toBe(model.size);
      }
    }));
  });
});
