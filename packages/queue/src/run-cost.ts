/** What a run costs, in resource-seconds: one GB held for a second, or one CPU busy for a second. Pure. */

/** What an attempt used, as it was measured. */
export interface RunUse {
  /** Memory held times how long, GB x s. */
  readonly gbSeconds: number;
  readonly cpuMs: number;
}

/** Assumed of an organization that nothing is known of: 100 ms in 256 MB and a little CPU. */
export const DEFAULT_COST_SECONDS = 0.05;

/**
 * How far before the lowest of those that wait a newcomer may start, resource-seconds over weight. So its turn is next, and stays so
 * where a charge of somebody else proves to have been too high; and it is ahead by no more than a small run.
 */
export const HEAD_START = DEFAULT_COST_SECONDS;

export function costSecondsOf({ gbSeconds, cpuMs }: RunUse): number {
  return gbSeconds + cpuMs / 1000;
}

/** What holding memory costs by itself: the part of a run's cost that is known before it ends. */
export function heldCostSeconds(memoryMb: number, elapsedMs: number): number {
  return (memoryMb / 1024) * (elapsedMs / 1000);
}

/**
 * An organization whose turn it is takes as many runs as cost this much together, and one at least: very short runs come in
 * bursts, which costs less and keeps a container warm, and nobody waits longer than that for it. Resource-seconds.
 */
export const QUANTUM_SECONDS = 0.005;

/** How many runs that are. */
export function quantumRuns(costSeconds: number): number {
  return costSeconds > 0 ? Math.max(1, Math.floor(QUANTUM_SECONDS / costSeconds)) : Infinity;
}

/** How much a new run weighs in an average: the last ten or so runs tell. */
const SMOOTHING = 0.2;
/** An average is worth telling when it is off by so much of what was told last. */
const WORTH_TELLING = 0.02;
const MAX_AVERAGES = 50_000;

interface Average {
  seconds: number;
  /** What was told of it last. */
  toldSeconds: number;
}

/**
 * Moving averages of what runs of each organization cost: what a run is charged before anybody knows better. Exponentially
 * weighted; in memory of this process; those asked for least recently are dropped first. By organization and not by agent:
 * the estimate only has to bridge the time until the run ends or its lease is renewed, when what it used is charged.
 */
export class CostAverages {
  readonly #averages = new Map<string, Average>();

  /** The organization's average as it was told last, else the default. */
  estimateSeconds(orgId: string): number {
    return this.#read(orgId)?.toldSeconds ?? DEFAULT_COST_SECONDS;
  }

  /** @returns the average where it is worth telling whoever estimates by it; null where it hardly moved */
  learn(orgId: string, costSeconds: number): number | null {
    const average = this.#read(orgId);
    if (!average) return this.#write(orgId, { seconds: costSeconds, toldSeconds: costSeconds }).toldSeconds;
    average.seconds += SMOOTHING * (costSeconds - average.seconds);
    if (Math.abs(average.seconds - average.toldSeconds) <= WORTH_TELLING * average.toldSeconds) return null;
    average.toldSeconds = average.seconds;
    return average.toldSeconds;
  }

  #read(orgId: string): Average | undefined {
    const average = this.#averages.get(orgId);
    return average && this.#write(orgId, average);
  }

  /** A Map keeps the order of insertion, so the first key is the one that was used least recently. */
  #write(orgId: string, average: Average): Average {
    this.#averages.delete(orgId);
    if (this.#averages.size >= MAX_AVERAGES) this.#averages.delete(this.#averages.keys().next().value!);
    this.#averages.set(orgId, average);
    return average;
  }
}
