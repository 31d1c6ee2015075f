import { describe, expect, it } from '@jest/globals';

import { RESERVE_FLOOR_MB, ReserveLearner } from './reserve-learner.ts';

const of = { orgId: 'acme', agent: 'echo', version: 1, limitMb: 64 };
const learned = (...peaksMb: number[]) => {
  const learner = new ReserveLearner();
  for (const peakMb of peaksMb) learner.observe(of, peakMb);
  return learner;
};

describe('the reserve of a run', () => {
  it('is its limit until the version is known', () => {
    expect(learned().reserveMb(of)).toBe(64);
    expect(learned(1, 1, 1, 1).reserveMb(of)).toBe(64);
    expect(learned(1, 1, 1, 1, 1).reserveMb(of)).toBe(RESERVE_FLOOR_MB);
  });

  it('is the highest of the last peaks and a quarter, within floor and limit', () => {
    expect(learned(10, 20, 30, 20, 10).reserveMb(of)).toBe(38);
    expect(learned(10, 20, 60, 20, 10).reserveMb(of)).toBe(64);
    expect(learned(60, ...Array.from({ length: 20 }, () => 20)).reserveMb(of)).toBe(25);
    const small = { ...of, limitMb: 8 };
    const learner = new ReserveLearner();
    for (let i = 0; i < 5; i += 1) learner.observe(small, 1);
    expect(learner.reserveMb(small)).toBe(8);
  });

  it('is learned for each organization, agent, version and limit by itself', () => {
    const learner = learned(1, 1, 1, 1, 1);
    for (const other of [{ orgId: 'birch' }, { agent: 'other' }, { version: 2 }, { limitMb: 128 }]) {
      const asked = { ...of, ...other };
      expect(learner.reserveMb(asked)).toBe(asked.limitMb);
    }
  });

  it('is the limit again after a run that held more than the pool had room for', () => {
    const learner = learned(1, 1, 1, 1, 1);
    learner.forget(of);
    expect(learner.reserveMb(of)).toBe(64);
  });

  it('is kept for so many versions, the least recently run forgotten first', () => {
    const learner = new ReserveLearner({ maxVersions: 2 });
    const versions = [1, 2, 3].map((version) => ({ ...of, version }));
    for (let i = 0; i < 5; i += 1) for (const version of versions.slice(0, 2)) learner.observe(version, 1);
    learner.observe(versions[0]!, 1);
    for (let i = 0; i < 5; i += 1) learner.observe(versions[2]!, 1);
    expect(versions.map((version) => learner.reserveMb(version))).toEqual([16, 64, 16]);
  });
});
