import { describe, expect, it } from '@jest/globals';

import { BurstLimits, planClaim } from './claim-plan.ts';

const at = (...times: number[]) => times.map((virtualTime, i) => ({ orgId: `org-${i}`, virtualTime }));
const unlimited = () => Infinity;

describe('the plan of a claim', () => {
  it('gives one run each to organizations that are level', () => {
    expect(planClaim(at(7, 7, 7), 3, unlimited)).toEqual([1, 1, 1]);
  });

  it('gives more to one that is behind, as virtual-time order would', () => {
    expect(planClaim(at(3, 6), 4, unlimited)).toEqual([4, 0]);
    expect(planClaim(at(3, 6), 5, unlimited)).toEqual([4, 1]);
  });

  it('shares what is left when there are fewer organizations than slots', () => {
    expect(planClaim(at(0, 0), 7, unlimited)).toEqual([4, 3]);
  });

  it('asks no organization for more than its limit, and passes the rest on', () => {
    expect(planClaim(at(0, 100), 6, (orgId) => (orgId === 'org-0' ? 2 : 3))).toEqual([2, 3]);
  });

  it('plans nothing for nobody', () => {
    expect(planClaim([], 4, unlimited)).toEqual([]);
    expect(planClaim(at(1), 0, unlimited)).toEqual([0]);
  });
});

describe('how deep a queue has proved to be', () => {
  it('doubles while all comes that was asked for, and starts again when it falls short', () => {
    const limits = new BurstLimits();
    expect(limits.of('a')).toBe(1);
    limits.learn('a', 1, 1);
    limits.learn('a', 2, 2);
    expect(limits.of('a')).toBe(4);
    limits.learn('a', 4, 3);
    expect(limits.of('a')).toBe(1);
  });

  it('does not grow from asking for less than the limit', () => {
    const limits = new BurstLimits();
    limits.learn('a', 1, 1);
    limits.learn('a', 1, 1);
    expect(limits.of('a')).toBe(2);
  });
});
