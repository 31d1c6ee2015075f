import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { silentLogger, type OrganizationLimits } from '@bullpen/core';
import {
  MemoryReadySet, VirtualClock, createRandom, openRedisReadySet,
  type Adjustment, type AdjustmentNext, type ClaimNext, type Random, type ReadySet,
} from '@bullpen/queue';
import { Redis } from 'ioredis';

import { testPrefix, testServices } from '../services/index.ts';

const ORGANIZATIONS = Array.from({ length: 8 }, (_, i) => `org-${i}`);
const STEPS = 400;

/** A step of the sequence, done on either ready set; what it answers is compared. */
type Step = (readySet: ReadySet) => Promise<unknown>;

/**
 * Draws steps at random, as workers, producers and sweeps would do them in any order. Charges and weights are sums of
 * powers of two, so that no rounding tells the two apart.
 */
class Steps {
  readonly #random: Random;
  readonly #clock: VirtualClock;
  /** Claimed and not settled, as the model answered. */
  #claimed: string[] = [];

  constructor(random: Random, clock: VirtualClock) {
    this.#random = random;
    this.#clock = clock;
  }

  next(): Step {
    const steps = [
      () => this.#markReady(), () => this.#schedule(), () => this.#claim(), () => this.#claim(), () => this.#settle(), () => this.#settle(),
      () => this.#adjust(), () => this.#adjust(), () => this.#reserve(), () => this.#setLimits(), () => this.#forget(), () => this.#sweep(),
    ];
    this.#clock.step(this.#clock.nowMs() + this.#upTo(40));
    return this.#of(steps)();
  }

  #markReady(): Step {
    const orgIds = ORGANIZATIONS.filter(() => this.#random() < 0.4);
    return (readySet) => readySet.markReady(orgIds);
  }

  #schedule(): Step {
    const entries = [{ orgId: this.#of(ORGANIZATIONS), atMs: this.#soonMs() }, { orgId: this.#of(ORGANIZATIONS), atMs: this.#soonMs() }];
    return (readySet) => readySet.schedule(entries);
  }

  #claim(): Step {
    const max = 1 + this.#upTo(3);
    return async (readySet) => {
      const claim = await readySet.claim(max);
      if (readySet instanceof MemoryReadySet) this.#claimed.push(...claim.organizations.map(({ orgId }) => orgId));
      return claim;
    };
  }

  #settle(): Step {
    const settled = this.#claimed.filter(() => this.#random() < 0.6);
    this.#claimed = this.#claimed.filter((orgId) => !settled.includes(orgId));
    const outcomes = [...new Set(settled)].map((orgId) => {
      const next: ClaimNext = this.#of([{ kind: 'ready' }, { kind: 'ready' }, { kind: 'idle' }, { kind: 'later', atMs: this.#soonMs() }] as const);
      return { orgId, chargeSeconds: this.#upTo(64) / 64, next };
    });
    return (readySet) => readySet.settle(outcomes);
  }

  #adjust(): Step {
    const adjustments = Array.from({ length: 1 + this.#upTo(3) }, (): Adjustment => {
      const next: AdjustmentNext = this.#of([{ kind: 'ended' }, { kind: 'ended' }, { kind: 'returned' }, { kind: 'running' }, { kind: 'parked', untilMs: this.#soonMs() }] as const);
      return { orgId: this.#of(ORGANIZATIONS), chargeSeconds: (this.#upTo(96) - 32) / 64, freedMb: this.#of([0, 64, 128, -64]), next };
    });
    return (readySet) => readySet.adjust(adjustments);
  }

  #reserve(): Step {
    const orgId = this.#of(ORGANIZATIONS);
    const memoryMb = Array.from({ length: 1 + this.#upTo(3) }, () => this.#of([64, 128, 512]));
    return (readySet) => readySet.reserve(orgId, memoryMb);
  }

  #setLimits(): Step {
    const orgId = this.#of(ORGANIZATIONS);
    const patches: readonly Partial<OrganizationLimits>[] = [
      { weight: this.#of([0.5, 1, 2, 4]) }, { maxConcurrency: this.#of([null, 1, 2]) }, { maxMemoryInFlightMb: this.#of([null, 128, 512]) },
      { paused: true }, { paused: false }, { weight: 1, maxConcurrency: null, maxMemoryInFlightMb: null, paused: false },
    ];
    const patch = this.#of(patches);
    const heldMb = this.#of([0, 64]);
    return (readySet) => readySet.setLimits(orgId, patch, heldMb);
  }

  #forget(): Step {
    const orgId = this.#of(ORGANIZATIONS);
    return async (readySet) => {
      const known = (await allKnown(readySet)).find((one) => one.orgId === orgId);
      if (known) await readySet.forget(orgId, known.generation);
    };
  }

  /** The lock on Redis runs in real time: it is over after a millisecond, so asking again is enough. */
  #sweep(): Step {
    this.#clock.step(this.#clock.nowMs() + 1);
    return async (readySet) => { while (!(await readySet.takeSweepTurn(1))); };
  }

  #soonMs(): number {
    return this.#clock.nowMs() + this.#upTo(200);
  }

  #upTo(most: number): number {
    return Math.floor(this.#random() * (most + 1));
  }

  #of<T>(choices: readonly T[]): T {
    return choices[Math.floor(this.#random() * choices.length)]!;
  }
}

async function allKnown(readySet: ReadySet) {
  const known = [];
  for await (const batch of readySet.known(100)) known.push(...batch);
  return known.sort((a, b) => (a.orgId < b.orgId ? -1 : 1));
}

describe('the ready set in memory, which simulations run on', () => {
  let redis: Redis;
  beforeAll(() => { redis = new Redis(testServices().redisUrl); });
  afterAll(() => redis.quit());

  it.each([1, 2, 3, 4, 5, 6, 7, 8, 9, 10])('answers every step as the one on Redis does, in random sequence %d', async (seed) => {
    const clock = new VirtualClock();
    const prefix = testPrefix();
    const model = new MemoryReadySet(clock);
    const { readySet: real, close } = await openRedisReadySet({ url: testServices().redisUrl, prefix, clock, log: silentLogger });
    // A moment that no parking and no schedule starts from is 0 for nobody.
    clock.step(1000);
    try {
      const steps = new Steps(createRandom(seed), clock);
      for (let i = 0; i < STEPS; i += 1) {
        const step = steps.next();
        expect({ step: i, answer: await step(model) }).toEqual({ step: i, answer: await step(real) });
      }
      expect(await model.limits(ORGANIZATIONS)).toEqual(await real.limits(ORGANIZATIONS));
      expect(await allKnown(model)).toEqual(await allKnown(real));
    } finally {
      await close();
      const keys = await redis.keys(`${prefix}:*`);
      if (keys.length > 0) await redis.unlink(...keys);
    }
  });
});
