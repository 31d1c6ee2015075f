import type { ReadyOrganization } from './ready-set.ts';

export interface ClaimPlanOptions {
  /** Runs wanted in all. */
  max: number;
  /** The most that is asked of one organization at once. */
  limitOf(orgId: string): number;
  /** What its next run is expected to cost, resource-seconds. */
  estimateSecondsOf(orgId: string): number;
}

/**
 * How many runs to take of each claimed organization: what virtual-time order would give if they were taken one by
 * one, each take charging its organization. Pure.
 *
 * @returns one count per organization, in their order; at most `max` in all
 */
export function planClaim(organizations: readonly ReadyOrganization[], options: ClaimPlanOptions): number[] {
  const counts = organizations.map(() => 0);
  const limits = organizations.map(({ orgId }) => options.limitOf(orgId));
  const steps = organizations.map(({ orgId, weight }) => options.estimateSecondsOf(orgId) / weight);
  for (let taken = 0; taken < options.max; taken += 1) {
    const next = lowest(organizations, counts, limits, steps);
    if (next === -1) break;
    counts[next] = counts[next]! + 1;
  }
  return counts;
}

function lowest(organizations: readonly ReadyOrganization[], counts: readonly number[], limits: readonly number[], steps: readonly number[]): number {
  let found = -1;
  let lowestTime = Infinity;
  for (let i = 0; i < organizations.length; i += 1) {
    const time = organizations[i]!.virtualTime + counts[i]! * steps[i]!;
    if (counts[i]! >= limits[i]! || time >= lowestTime) continue;
    found = i;
    lowestTime = time;
  }
  return found;
}

const MAX_REMEMBERED = 20_000;

/**
 * How deep a queue has proved to be: one run is asked for first, and twice as many each time that all came. Asking for
 * many of a queue that holds one costs an empty look each.
 */
export class BurstLimits {
  /** Of deep queues only, and no more than `MAX_REMEMBERED`: forgotten costs one cautious look. */
  readonly #limits = new Map<string, number>();

  of(orgId: string): number {
    return this.#limits.get(orgId) ?? 1;
  }

  learn(orgId: string, asked: number, got: number): void {
    if (got < asked) this.#limits.delete(orgId);
    else if (asked >= this.of(orgId)) this.#remember(orgId, Math.min(asked * 2, 256));
  }
  #remember(orgId: string, limit: number): void {
    if (this.#limits.size >= MAX_REMEMBERED && !this.#limits.has(orgId)) this.#limits.clear();
    this.#limits.set(orgId, limit);
  }
}
