import { describe, expect, it, jest } from '@jest/globals';
import fc from 'fast-check';

import { DEFAULT_COST_SECONDS } from '../run-cost.ts';
import { resourceRate } from './ledger.ts';
import { jainIndex } from './measures.ts';
import type { Arrivals, RunShape, Scenario, SimulatedOrganization, SimulationResult } from './scenario.ts';
import { simulate } from './simulate.ts';

// Seconds of pure computing: several minutes where the machine has others to serve as well.
jest.setTimeout(400_000);

/** Of what must hold exactly; a failure names the seed that shows it again. */
const TRIES = { numRuns: 15 };
/** Of what holds within a tolerance: the same tries every time. */
const SAME_TRIES = { numRuns: 5, seed: 7 };
/**
 * How many runs per slot are due to the organization with the largest ones in a window. Every slot may hold one run that
 * is not accounted for yet, so a share is only as exact as a window is long.
 */
const LARGEST_RUNS_PER_SLOT = 20;

/** What runs of one organization are usually like; each takes from half to one and a half of `lengthMs`. */
interface Kind extends RunShape {
  readonly weight: number;
}

interface Size {
  readonly workers: number;
  readonly slotsPerWorker: number;
  readonly seed: number;
}

const sizes: fc.Arbitrary<Size> = fc.record({ workers: fc.integer({ min: 1, max: 2 }), slotsPerWorker: fc.integer({ min: 1, max: 4 }), seed: fc.nat() });
const kinds: fc.Arbitrary<Kind[]> = fc.array(fc.record({
  // 1:100 apart, short ones as likely as long ones.
  lengthMs: fc.integer({ min: 0, max: 100 }).map((step) => Math.round(20 * 100 ** (step / 100))),
  memoryMb: fc.constantFrom(128, 256, 512),
  cpuShare: fc.constantFrom(0, 0.25),
  weight: fc.constantFrom(1, 2, 4),
}), { minLength: 2, maxLength: 6 });
const equal = kinds.map((some) => some.map((kind) => ({ ...kind, weight: 1 })));

function usualCost(kind: Kind): number {
  return (kind.lengthMs / 1000) * resourceRate(kind);
}

/** How long the slots take to give each its due. */
function windowMs(some: readonly Kind[], { workers, slotsPerWorker }: Size): number {
  const slots = workers * slotsPerWorker;
  const largestCost = Math.max(...some.map((kind) => usualCost(kind) / kind.weight));
  const dueSeconds = LARGEST_RUNS_PER_SLOT * (slots + 1) * largestCost;
  const slotSeconds = some.reduce((sum, kind) => sum + (dueSeconds * kind.weight) / resourceRate(kind), 0);
  return (slotSeconds * 1000) / slots;
}

function organization(index: number, { weight, lengthMs, ...kind }: Kind, arrivals: readonly Arrivals[]): SimulatedOrganization {
  const limits = weight === 1 ? {} : { limits: { weight } };
  return { id: `org-${index}`, ...limits, arrivals, shape: (random) => ({ ...kind, lengthMs: lengthMs * (0.5 + random()) }) };
}

/** Comes at once with more than it could be given, were it given every slot. */
function backlog(index: number, kind: Kind, window: number, { workers, slotsPerWorker }: Size, atMs = 0): SimulatedOrganization {
  return organization(index, kind, [{ kind: 'burst', atMs, runs: Math.ceil((window * workers * slotsPerWorker) / kind.lengthMs) + 20 }]);
}

function used(result: SimulationResult): number[] {
  return result.organizations.map((share) => share.resourceSeconds);
}

/** Each got its part of all that was used, within 5 % and one of its own largest runs. */
function expectShares(result: SimulationResult, some: readonly Kind[]): void {
  const total = used(result).reduce((sum, seconds) => sum + seconds, 0);
  const weight = some.reduce((sum, kind) => sum + kind.weight, 0);
  some.forEach((kind, i) => {
    const due = (total * kind.weight) / weight;
    expect(Math.abs(used(result)[i]! - due)).toBeLessThanOrEqual(0.05 * due + 1.5 * usualCost(kind));
  });
}

/**
 * An organization's turn comes when the others are level with it. It may be ahead by what every slot ran for it before
 * any of that was accounted for, a lead of short runs in a row included, and the others then use as much for their weights,
 * in slots that use the least; then it may find every slot in another's lead.
 */
function longestTurnMs(some: readonly Kind[], index: number, { workers, slotsPerWorker }: Size): number {
  const slots = workers * slotsPerWorker;
  const largestCost = Math.max(DEFAULT_COST_SECONDS, ...some.map((kind) => 1.5 * usualCost(kind)));
  const ahead = ((slots + 1) * largestCost) / some[index]!.weight;
  const others = some.reduce((sum, kind, i) => sum + (i === index ? 0 : kind.weight), 0);
  const slowestRate = Math.min(...some.map(resourceRate));
  const longestMs = 1.5 * Math.max(...some.map((kind) => kind.lengthMs));
  return (1000 * ahead * others) / (slots * slowestRate) + 2 * longestMs;
}

describe('fairness over resource-seconds, in simulation', () => {
  it('gives equal organizations with a backlog equal resource-seconds, whatever their runs are like', async () => {
    await fc.assert(fc.asyncProperty(sizes, equal, async (size, some) => {
      const untilMs = windowMs(some, size);
      const result = await simulate({ ...size, untilMs, organizations: some.map((kind, i) => backlog(i, kind, untilMs, size)) });
      expect(jainIndex(used(result))).toBeGreaterThanOrEqual(0.99);
    }), SAME_TRIES);
  });

  it('gives organizations with a backlog what their weights say', async () => {
    await fc.assert(fc.asyncProperty(sizes, kinds, async (size, some) => {
      const untilMs = windowMs(some, size);
      expectShares(await simulate({ ...size, untilMs, organizations: some.map((kind, i) => backlog(i, kind, untilMs, size)) }), some);
    }), SAME_TRIES);
  });

  it('banks no credit for idling: who comes late gets its share from then on, and no more', async () => {
    await fc.assert(fc.asyncProperty(sizes, equal, async (size, some) => {
      const window = windowMs(some, size);
      const scenario: Scenario = {
        ...size,
        measureFromMs: window,
        untilMs: 2 * window,
        organizations: some.map((kind, i) => backlog(i, kind, (i === 0 ? 1 : 2) * window, size, i === 0 ? window : 0)),
      };
      expectShares(await simulate(scenario), some);
    }), SAME_TRIES);
  });

  it('does not punish a burst that nobody else wanted: who was alone is level with those who come later', async () => {
    await fc.assert(fc.asyncProperty(sizes, equal, async (size, some) => {
      const window = windowMs(some, size);
      const scenario: Scenario = {
        ...size,
        measureFromMs: window,
        untilMs: 2 * window,
        organizations: some.map((kind, i) => backlog(i, kind, (i === 0 ? 2 : 1) * window, size, i === 0 ? 0 : window)),
      };
      expectShares(await simulate(scenario), some);
    }), SAME_TRIES);
  });

  it('starves nobody: an organization waits for its turn no longer than it takes the others to draw level', async () => {
    await fc.assert(fc.asyncProperty(sizes, kinds, async (size, some) => {
      const untilMs = 20_000;
      const organizations = some.map((kind, i) => {
        // Every other one sends now and then, and must not wait behind those with a backlog.
        return i % 2 === 0 ? backlog(i, kind, untilMs, size) : organization(i, kind, [{ kind: 'poisson', everyMs: 900 }]);
      });
      const result = await simulate({ ...size, untilMs, organizations });
      result.organizations.forEach((share, i) => expect(share.maxTurnMs).toBeLessThanOrEqual(longestTurnMs(some, i, size)));
    }), TRIES);
  });

  it('gives who comes beside a flood its turn within the time of one run', async () => {
    const shape = (lengthMs: number): SimulatedOrganization['shape'] => (random) => ({ lengthMs: lengthMs * (0.5 + random()), memoryMb: 8192 });
    const organizations: SimulatedOrganization[] = [
      { id: 'flood', arrivals: [{ kind: 'burst', atMs: 0, runs: 10_000 }], shape: shape(50) },
      { id: 'light', arrivals: [{ kind: 'poisson', everyMs: 50 }], shape: shape(5) },
    ];
    const { organizations: [, light] } = await simulate({ workers: 1, slotsPerWorker: 16, seed: 5, untilMs: 20_000, organizations });
    expect(light!.maxTurnMs).toBeLessThanOrEqual(75);
    expect(light!.meanWaitMs).toBeLessThanOrEqual(10);
  });

  it('conserves work: no slot idles while an organization waits that is allowed to run', async () => {
    await fc.assert(fc.asyncProperty(sizes, kinds, fc.array(fc.integer({ min: 1, max: 3 })), async (size, some, caps) => {
      const organizations = some.map((kind, i) => {
        const { limits, ...rest } = organization(i, kind, [{ kind: 'poisson', everyMs: 20 + kind.lengthMs / 2 }, { kind: 'burst', atMs: 3000, runs: 40 }]);
        return { ...rest, limits: { ...limits, maxConcurrency: caps[i] ?? null } };
      });
      const result = await simulate({ ...size, untilMs: 10_000, organizations });
      expect(result.wastedSlotMs).toBe(0);
    }), TRIES);
  });

  it('exceeds no limit: concurrency, starts per window, memory in flight', async () => {
    const limits = fc.record({
      maxConcurrency: fc.option(fc.integer({ min: 1, max: 4 })),
      rate: fc.option(fc.record({ runs: fc.integer({ min: 1, max: 20 }), windowMs: fc.integer({ min: 100, max: 3000 }) })),
      maxMemoryInFlightMb: fc.option(fc.integer({ min: 512, max: 2048 })),
    });
    await fc.assert(fc.asyncProperty(sizes, kinds, fc.array(limits, { minLength: 6, maxLength: 6 }), async (size, some, limited) => {
      const organizations = some.map((kind, i) => ({ ...backlog(i, kind, 5000, size), limits: limited[i]! }));
      const result = await simulate({ ...size, untilMs: 10_000, organizations });
      result.organizations.forEach((share, i) => {
        expect(share.started).toBeGreaterThan(0);
        expect(share.maxConcurrency).toBeLessThanOrEqual(limited[i]!.maxConcurrency ?? Infinity);
        expect(share.maxStartsPerWindow).toBeLessThanOrEqual(limited[i]!.rate?.runs ?? 0);
        expect(share.maxMemoryMb).toBeLessThanOrEqual(limited[i]!.maxMemoryInFlightMb ?? Infinity);
      });
    }), TRIES);
  });

  it('starts nothing of a paused organization', async () => {
    const kind: Kind = { lengthMs: 50, memoryMb: 128, weight: 1 };
    const size = { workers: 1, slotsPerWorker: 2, seed: 1 };
    const organizations = [{ ...backlog(0, kind, 2000, size), limits: { paused: true } }, backlog(1, kind, 2000, size)];
    const { organizations: [paused, other] } = await simulate({ ...size, untilMs: 2000, organizations });
    expect(paused!.started).toBe(0);
    expect(other!.started).toBeGreaterThan(0);
  });

  it('plays the same scenario the same way every time', async () => {
    const size = { workers: 2, slotsPerWorker: 3, seed: 11 };
    const scenario = { ...size, untilMs: 5000, organizations: [40, 200, 900].map((lengthMs, i) => backlog(i, { lengthMs, memoryMb: 128, weight: 1 }, 5000, size)) };
    expect(await simulate(scenario)).toEqual(await simulate(scenario));
  });

  it('serves ten thousand organizations one run each before any gets a second', async () => {
    const organizations = Array.from({ length: 10_000 }, (_, i) => backlog(i, { lengthMs: 60, memoryMb: 8192, weight: 1 }, 0, { workers: 1, slotsPerWorker: 1, seed: 1 }));
    const scenario = { workers: 4, slotsPerWorker: 25, seed: 3, untilMs: 5500, organizations };
    const result = await simulate(scenario);
    expect(result.wastedSlotMs).toBe(0);
    expect(Math.max(...result.organizations.map((share) => share.started))).toBe(1);
  });
});
