import { assertNever } from '@bullpen/core';

import type { SimulatedRun } from './ledger.ts';
import { createRandom, exponentialMs, type Random } from './random.ts';
import type { Arrivals, Scenario, SimulatedOrganization } from './scenario.ts';
import type { VirtualClock } from './virtual-clock.ts';

/** Sets the timers of all arrivals; each sets the next of its process, so that no more than one each is ahead. */
export function scheduleArrivals(scenario: Scenario, clock: VirtualClock, arrive: (runs: SimulatedRun[]) => void): void {
  let runCount = 0;
  scenario.organizations.forEach((organization, i) => {
    const random = createRandom(scenario.seed * 1_000_003 + i);
    const come = (count: number): void => {
      arrive(Array.from({ length: count }, () => newRun(organization, (runCount += 1), random, clock.nowMs())));
    };
    for (const arrivals of organization.arrivals) schedule(arrivals, { clock, random, come, endMs: scenario.untilMs });
  });
}

interface Process {
  clock: VirtualClock;
  random: Random;
  come: (count: number) => void;
  endMs: number;
}

function schedule(arrivals: Arrivals, process: Process): void {
  switch (arrivals.kind) {
    case 'burst':
      process.clock.at(arrivals.atMs, () => process.come(arrivals.runs));
      return;
    case 'regular':
      repeat(process, arrivals, () => arrivals.everyMs);
      return;
    case 'poisson':
      repeat(process, arrivals, () => exponentialMs(process.random, arrivals.everyMs));
      return;
    default:
      assertNever(arrivals);
  }
}

function repeat({ clock, come, endMs }: Process, { fromMs = 0, untilMs = endMs }: { fromMs?: number; untilMs?: number }, gapMs: () => number): void {
  const next = (afterMs: number): void => {
    const atMs = afterMs + gapMs();
    if (atMs >= untilMs) return;
    clock.at(atMs, () => {
      come(1);
      next(atMs);
    });
  };
  next(fromMs);
}

function newRun({ id, shape }: SimulatedOrganization, number: number, random: Random, nowMs: number): SimulatedRun {
  return { orgId: id, runId: `run-${number}`, shape: shape(random), arrivedMs: nowMs, startedMs: 0 };
}
