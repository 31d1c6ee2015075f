import { assertNever, defined } from '@bullpen/core';

import type { SimulatedRun } from './ledger.ts';
import { createRandom, exponentialMs, type Random } from './random.ts';
import type { Arrivals, Rank, Scenario, SimulatedOrganization } from './scenario.ts';
import type { VirtualClock } from './virtual-clock.ts';

type Arrive = (runs: SimulatedRun[]) => void;

/** Keeps the numbers that one process draws apart from those of all others. */
const SEED_STEP = 1_000_003;

/**
 * Sets the timers of all arrivals; each sets the next of its process, so that no more than one each is ahead. What comes
 * depends on the seed and on the process alone, not on what the scheduler does.
 */
export function scheduleArrivals({ organizations, seed, untilMs }: Scenario, clock: VirtualClock, arrive: Arrive): void {
  const source = new RunSource(clock, arrive);
  let processes = 0;
  for (const organization of organizations) {
    for (const arrivals of organization.arrivals) {
      schedule(arrivals, { source, organization, seed: seed * SEED_STEP + processes, endMs: untilMs });
      processes += 1;
    }
  }
}

interface Process {
  readonly source: RunSource;
  readonly organization: SimulatedOrganization;
  readonly seed: number;
  readonly endMs: number;
}

/** Makes runs and lets them arrive. */
class RunSource {
  readonly clock: VirtualClock;
  readonly #arrive: Arrive;
  #runCount = 0;

  constructor(clock: VirtualClock, arrive: Arrive) {
    this.clock = clock;
    this.#arrive = arrive;
  }

  come({ id, shape }: SimulatedOrganization, rank: Rank, count: number, random: Random): void {
    const arrivedMs = this.clock.nowMs();
    this.#arrive(Array.from({ length: count }, () => ({ orgId: id, runId: `run-${(this.#runCount += 1)}`, shape: shape(random), rank, arrivedMs, startedMs: 0, windowEndMs: 0 })));
  }
}

function schedule(arrivals: Arrivals, process: Process): void {
  switch (arrivals.kind) {
    case 'burst':
      process.source.clock.at(arrivals.atMs, () => process.source.come(process.organization, rankOf(arrivals), arrivals.runs, createRandom(process.seed)));
      return;
    case 'regular':
      repeat(process, arrivals, () => arrivals.everyMs);
      return;
    case 'poisson':
      repeat(process, arrivals, (random) => exponentialMs(random, arrivals.everyMs));
      return;
    default:
      assertNever(arrivals);
  }
}

/** Kept by each run, so it is one object for all that are plain. */
const PLAIN: Rank = {};

function rankOf({ fairnessKey, priority }: Arrivals): Rank {
  return fairnessKey === undefined && priority === undefined ? PLAIN : defined({ fairnessKey, priority });
}

function repeat({ source, organization, seed, endMs }: Process, arrivals: Arrivals & { fromMs?: number; untilMs?: number }, gapMs: (random: Random) => number): void {
  const { fromMs = 0, untilMs = endMs } = arrivals;
  const random = createRandom(seed);
  const rank = rankOf(arrivals);
  const next = (afterMs: number): void => {
    const atMs = afterMs + gapMs(random);
    if (atMs >= untilMs) return;
    source.clock.at(atMs, () => {
      source.come(organization, rank, 1, random);
      next(atMs);
    });
  };
  next(fromMs);
}
