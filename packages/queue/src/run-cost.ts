/** What a run costs, in resource-seconds: one GB held for a second, or one CPU busy for a second. Pure. */

/** What an attempt used, as it was measured. */
export interface RunUse {
  /** Memory held times how long, GB x s. */
  readonly gbSeconds: number;
  readonly cpuMs: number;
}

/** Assumed of an organization that nothing is known of: 100 ms in 256 MB and a little CPU. */
export const DEFAULT_COST_SECONDS = 0.05;

export function costSecondsOf({ gbSeconds, cpuMs }: RunUse): number {
  return gbSeconds + cpuMs / 1000;
}

/** What holding memory costs by itself: the part of a run's cost that is known before it ends. */
export function heldCostSeconds(memoryMb: number, elapsedMs: number): number {
  return (memoryMb / 1024) * (elapsedMs / 1000);
}

/** How much a new run weighs in an average: the last ten or so runs tell. */
const SMOOTHING = 0.2;
const MAX_AVERAGES = 10_000;

/**
 * Moving averages of what runs cost, by agent and by organization: what a run is charged before anybody knows better.
 * Exponentially weighted; in memory of this process; those asked for least recently are dropped first.
 */
export class CostAverages {
  readonly #averages = new Map<string, number>();

  /** The average of the agent, else of its organization, else the default. */
  estimateSeconds(orgId: string, agent?: string): number {
    return (agent === undefined ? undefined : this.#read(keyOf(orgId, agent))) ?? this.#read(orgId) ?? DEFAULT_COST_SECONDS;
  }

  learn(orgId: string, agent: string | undefined, costSeconds: number): void {
    this.#learn(orgId, costSeconds);
    if (agent !== undefined) this.#learn(keyOf(orgId, agent), costSeconds);
  }

  #learn(key: string, costSeconds: number): void {
    const before = this.#averages.get(key) ?? costSeconds;
    this.#write(key, before + SMOOTHING * (costSeconds - before));
  }

  #read(key: string): number | undefined {
    const average = this.#averages.get(key);
    if (average !== undefined) this.#write(key, average);
    return average;
  }

  /** A Map keeps the order of insertion, so the first key is the one that was used least recently. */
  #write(key: string, average: number): void {
    this.#averages.delete(key);
    if (this.#averages.size >= MAX_AVERAGES) this.#averages.delete(this.#averages.keys().next().value!);
    this.#averages.set(key, average);
  }
}

/** Ids hold no slash, so no agent's key is an organization's. */
function keyOf(orgId: string, agent: string): string {
  return `${orgId}/${agent}`;
}
