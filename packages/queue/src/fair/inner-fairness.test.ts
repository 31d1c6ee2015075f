import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';

import type { SimulatedOrganization } from './scenario.ts';
import { simulate } from './simulate.ts';

/** The same tries every time. */
const SAME_TRIES = { numRuns: 8, seed: 3 };

const shape: SimulatedOrganization['shape'] = (random) => ({ lengthMs: 60 * (0.5 + random()), memoryMb: 1024 });

describe('fairness keys of an organization, in simulation', () => {
  it('a key with one run at a time alternates with a key that has a thousand waiting', async () => {
    await fc.assert(fc.asyncProperty(fc.integer({ min: 1, max: 4 }), fc.nat(), async (slotsPerWorker, seed) => {
      const acme: SimulatedOrganization = {
        id: 'acme',
        arrivals: [
          { kind: 'burst', atMs: 0, runs: 1000, fairnessKey: 'many' },
          { kind: 'regular', everyMs: 400, fromMs: 500, untilMs: 8000, fairnessKey: 'one' },
        ],
        shape,
      };
      const { organizations: [share] } = await simulate({ workers: 1, slotsPerWorker, seed, untilMs: 9000, organizations: [acme] });
      const one = share!.keys.get('one')!;
      expect(one.started).toBe(18);
      // One run of the other's is before it at most, on each slot, besides the one that is under way.
      expect(one.maxWaitMs).toBeLessThanOrEqual(2 * 90);
      expect(share!.waiting).toBeGreaterThan(0);
    }), SAME_TRIES);
  });

  it('keys that all have a backlog get equal numbers of starts', async () => {
    await fc.assert(fc.asyncProperty(fc.integer({ min: 2, max: 8 }), fc.nat(), async (keys, seed) => {
      const arrivals = Array.from({ length: keys }, (_, i) => ({ kind: 'burst', atMs: i * 10, runs: 200 + 300 * i, fairnessKey: `key-${i}` }) as const);
      const { organizations: [share] } = await simulate({ workers: 1, slotsPerWorker: 2, seed, untilMs: 4000, organizations: [{ id: 'acme', arrivals, shape }] });
      const started = [...share!.keys.values()].map((key) => key.started);
      expect(started).toHaveLength(keys);
      // Whoever came first was alone for 10 ms each.
      expect(Math.max(...started) - Math.min(...started)).toBeLessThanOrEqual(2 + keys);
    }), SAME_TRIES);
  });

  it('splitting into many keys gains an organization nothing', async () => {
    await fc.assert(fc.asyncProperty(fc.integer({ min: 1, max: 100 }), fc.nat(), async (keys, seed) => {
      const organizations: SimulatedOrganization[] = [
        { id: 'split', arrivals: Array.from({ length: keys }, (_, i) => ({ kind: 'burst', atMs: 0, runs: Math.ceil(800 / keys), fairnessKey: `key-${i}` }) as const), shape },
        { id: 'whole', arrivals: [{ kind: 'burst', atMs: 0, runs: 800 }], shape },
      ];
      const { organizations: [split, whole] } = await simulate({ workers: 2, slotsPerWorker: 2, seed, untilMs: 10_000, organizations });
      expect(Math.abs(split!.resourceSeconds - whole!.resourceSeconds)).toBeLessThanOrEqual(0.02 * whole!.resourceSeconds + 0.2);
    }), SAME_TRIES);
  });

  it('a lower priority number is taken first, whatever its key', async () => {
    const arrivals = [
      { kind: 'burst', atMs: 0, runs: 100, fairnessKey: 'late', priority: 9 },
      { kind: 'burst', atMs: 5, runs: 20, fairnessKey: 'soon', priority: 1 },
    ] as const;
    const { organizations: [share] } = await simulate({ workers: 1, slotsPerWorker: 1, seed: 1, untilMs: 2500, organizations: [{ id: 'acme', arrivals, shape }] });
    expect(share!.keys.get('soon')!.started).toBe(20);
    expect(share!.keys.get('late')!.started).toBeGreaterThan(1);
    expect(share!.keys.get('late')!.started).toBeLessThan(40);
  });
});
