import { describe, expect, it } from '@jest/globals';

import { canaryHealth, type VersionSample } from './canary-health.ts';
import { canaryPolicySchema } from './deployment-schemas.ts';

const policy = canaryPolicySchema.parse({});

/** The same numbers each time: a linear congruential generator. Source of its constants: Numerical Recipes. */
function randomFrom(seed: number): () => number {
  let state = seed;
  return () => (state = (Math.imul(state, 1664525) + 1013904223) >>> 0) / 2 ** 32;
}

function sample(runs: number, failures: number, msOf: (i: number) => number = (i) => 100 + (i % 17)): VersionSample {
  return { runs, failures, wallMs: Array.from({ length: runs - failures }, (_, i) => msOf(i)) };
}

describe('the health of a canary', () => {
  it('waits for enough runs of both versions', () => {
    expect(canaryHealth(sample(1000, 0), sample(29, 29), policy, 0)).toMatchObject({ verdict: 'waiting', errorPValue: null });
    expect(canaryHealth(sample(3, 0), sample(500, 500), policy, 0)).toMatchObject({ verdict: 'waiting' });
  });

  it('is worse where the canary fails clearly more often', () => {
    const health = canaryHealth(sample(300, 3), sample(30, 9), policy, 0);
    expect(health).toMatchObject({ verdict: 'worse', looks: 1, canary: { errorRatio: 0.3 } });
    expect(health.reason).toBe('9 of 30 runs of the canary failed, 3 of 300 of the stable version');
  });

  it('agrees with Fisher\'s exact test as computed elsewhere', () => {
    // The tea tasting: of 4 and 4, 3 guessed right: p = 0.2429.
    expect(canaryHealth(sample(4, 1), sample(4, 3), { ...policy, minSamples: 4 }, 0).errorPValue).toBeCloseTo(0.24286, 5);
  });

  it('is worse where the canary is clearly slower, and not for a few slow runs', () => {
    expect(canaryHealth(sample(200, 0), sample(40, 0, (i) => 180 + (i % 17)), policy, 0)).toMatchObject({ verdict: 'worse' });
    expect(canaryHealth(sample(200, 0), sample(40, 0, (i) => (i % 10 === 0 ? 5000 : 100 + (i % 17))), policy, 0)).toMatchObject({ verdict: 'healthy' });
  });

  it('lets a small difference live, however many runs prove it', () => {
    expect(canaryHealth(sample(10_000, 100), sample(10_000, 200), policy, 0)).toMatchObject({ verdict: 'healthy' });
  });

  it('seldom rolls back a canary that is as good, although it looks again and again', () => {
    const random = randomFrom(42);
    let rolledBack = 0;
    for (let canaries = 0; canaries < 400; canaries += 1) {
      const fails = (runs: number) => Array.from({ length: runs }, () => random() < 0.1).filter(Boolean).length;
      let looks = 0;
      let [runs, failures] = [0, 0];
      for (let step = 0; step < 16; step += 1) {
        failures += fails(30);
        runs += 30;
        const health = canaryHealth(sample(1000, 100), sample(runs, failures), { ...policy, maxErrorIncrease: 0, confidence: 0.9 }, looks);
        looks = health.looks;
        if (health.verdict === 'worse') { rolledBack += 1; break; }
      }
    }
    expect(rolledBack / 400).toBeLessThan(0.1);
  });
});
