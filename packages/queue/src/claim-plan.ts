import type { ReadyOrganization } from './ready-set.ts';

/** Virtual time that one run costs. A count for now; what a run uses, later. */
export const RUN_COST = 1;

/**
 * How many runs to take of each claimed organization: what virtual-time order would give if they were taken one by
 * one, each take charging its organization. Pure; the seam where fairness over resource-seconds goes.
 *
 * @param limitOf - the most that is asked of one organization at once
 * @returns one count per organization, in their order; at most `max` in all
 */
export function planClaim(organizations: readonly ReadyOrganization[], max: number, limitOf: (orgId: string) => number): number[] {
  const counts = organizations.map(() => 0);
  const limits = organizations.map(({ orgId }) => limitOf(orgId));
  for (let taken = 0; taken < max; taken += 1) {
    let next = -1;
    let lowest = Infinity;
    organizations.forEach(({ virtualTime }, i) => {
      const time = virtualTime + counts[i]! * RUN_COST;
      if (counts[i]! >= limits[i]! || time >= lowest) return;
      next = i;
      lowest = time;
    });
    if (next === -1) break;
    counts[next] = counts[next]! + 1;
  }
  return counts;
}

/**
 * How deep a queue has proved to be: one run is asked for first, and twice as many each time that all came. Asking for
 * many of a queue that holds one costs an empty look each.
 */
export class BurstLimits {
  readonly #limits = new Map<string, number>();

  of(orgId: string): number {
    return this.#limits.get(orgId) ?? 1;
  }

  learn(orgId: string, asked: number, got: number): void {
    if (got < asked) this.#limits.delete(orgId);
    else if (asked >= this.of(orgId)) this.#limits.set(orgId, Math.min(asked * 2, 256));
  }
}
