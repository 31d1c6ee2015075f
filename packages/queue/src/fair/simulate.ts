import { InnerOrder } from '../inner-order.ts';
import { scheduleArrivals } from './arrivals.ts';
import { Ledger, type SimulatedRun } from './ledger.ts';
import { MemoryInnerOrder } from './memory-inner-order.ts';
import { MemoryJobs } from './memory-jobs.ts';
import { MemoryReadySet } from './memory-ready-set.ts';
import type { Scenario, SimulationResult } from './scenario.ts';
import { SimulatedWorker, type World } from './simulated-worker.ts';
import { VirtualClock } from './virtual-clock.ts';

/**
 * Plays a scenario in virtual time: workers with slots take runs through the same `RunTaker` as in production, over a
 * ready set and queues in memory. No I/O and no real time; the same scenario gives the same result on every machine.
 */
export async function simulate(scenario: Scenario): Promise<SimulationResult> {
  const clock = new VirtualClock();
  const jobs = new MemoryJobs(clock);
  const order = new InnerOrder(new MemoryInnerOrder(jobs), () => clock.nowMs());
  const world: World = { clock, readySet: new MemoryReadySet(clock), jobs, order, ledger: new Ledger(scenario) };
  await setLimits(world, scenario);
  scheduleArrivals(scenario, clock, (runs) => void arrive(world, runs));
  const end = new AbortController();
  const working = Array.from({ length: scenario.workers }, (_, i) => new SimulatedWorker(world, `worker-${i}`, scenario.slotsPerWorker).work(end.signal));
  await quiet();
  while (clock.step(scenario.untilMs)) if (!clock.isBusyNow) await quiet();
  const result = world.ledger.close();
  end.abort();
  await Promise.all(working);
  return result;
}

async function setLimits({ jobs, readySet }: World, { organizations }: Scenario): Promise<void> {
  for (const { id, limits } of organizations) {
    if (!limits) continue;
    await jobs.setLimits(id, limits);
    await readySet.setLimits(id, limits, 0);
  }
}

/** @param runs - of one organization */
async function arrive({ clock, jobs, ledger, readySet, order }: World, runs: readonly SimulatedRun[]): Promise<void> {
  const [first] = runs;
  if (!first) return;
  for (const run of runs) ledger.arrive(run, clock.nowMs());
  const enqueued = runs.map(({ orgId, runId, shape: { memoryMb }, rank }) => ({ orgId, runId, memoryMb, delayMs: 0, ...rank }));
  const [group] = await order.groupsOf(new Map([[first.orgId, enqueued]]));
  runs.forEach((run, i) => jobs.push(run, group!.priorities[i]));
  await readySet.markReady([first.orgId]);
}

/**
 * When every promise that can settle has settled: nothing here waits for anything but virtual time and, in the adjuster,
 * for the end of a turn of the event loop. The second turn is what follows from that.
 */
async function quiet(): Promise<void> {
  for (let turn = 0; turn < 2; turn += 1) await new Promise<void>((resolve) => { setImmediate(resolve); });
}
