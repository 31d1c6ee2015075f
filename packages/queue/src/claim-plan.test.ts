import { describe, expect, it } from '@jest/globals';

import { BurstLimits, planClaim } from './claim-plan.ts';

const at = (...times: number[]) => times.map((virtualTime, i) => ({ orgId: `org-${i}`, virtualTime, weight: 1, hasMemoryLimit: false }));
const plan = (organizations: ReturnType<typeof at>, max: number, limitOf: (orgId: string) => number = () => Infinity, estimateSecondsOf: (orgId: string) => number = () => 1) =>
  planClaim(organizations, { max, limitOf, estimateSecondsOf });

describe('the plan of a claim', () => {
  it('gives one run each to organizations that are level', () => {
    expect(plan(at(7, 7, 7), 3)).toEqual([1, 1, 1]);
  });

  it('gives more to one that is behind, as virtual-time order would', () => {
    expect(plan(at(3, 6), 4)).toEqual([4, 0]);
    expect(plan(at(3, 6), 5)).toEqual([4, 1]);
  });

  it('gives fewer runs to one whose runs cost more, and more to one that weighs more', () => {
    expect(plan(at(0, 0), 5, undefined, (orgId) => (orgId === 'org-0' ? 4 : 1))).toEqual([1, 4]);
    const [light, heavy] = at(0, 0);
    expect(plan([light!, { ...heavy!, weight: 3 }], 8)).toEqual([2, 6]);
  });

  it('shares what is left when there are fewer organizations than slots', () => {
    expect(plan(at(0, 0), 7)).toEqual([4, 3]);
  });

  it('asks no organization for more than its limit, and passes the rest on', () => {
    expect(plan(at(0, 100), 6, (orgId) => (orgId === 'org-0' ? 2 : 3))).toEqual([2, 3]);
  });

  it('plans nothing for nobody', () => {
    expect(plan([], 4)).toEqual([]);
    expect(plan(at(1), 0)).toEqual([0]);
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
