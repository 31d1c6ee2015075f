import type { OrganizationLimits } from '@bullpen/core';

import type { Random } from './random.ts';

/** What the simulator is told: who sends which runs when, and what there is to run them. */
export interface Scenario {
  readonly organizations: readonly SimulatedOrganization[];
  readonly workers: number;
  readonly slotsPerWorker: number;
  /** The same seed gives the same simulation. */
  readonly seed: number;
  /** When it ends, virtual ms. */
  readonly untilMs: number;
  /** Resource-seconds and idle time are counted from then on; 0 by default. */
  readonly measureFromMs?: number;
}

export interface SimulatedOrganization {
  readonly id: string;
  /** What the dispatcher lets it have; the defaults of an organization where left out. */
  readonly limits?: Partial<OrganizationLimits>;
  readonly arrivals: readonly Arrivals[];
  /** The next run's length and size. */
  readonly shape: (random: Random) => RunShape;
}

/** Where runs come in their organization's own order. */
export interface Rank {
  readonly fairnessKey?: string;
  /** 1 to 10; 5 where left out. */
  readonly priority?: number;
}

/** When runs come. */
export type Arrivals = Rank & (
  /** So many at once. */
  | { readonly kind: 'burst'; readonly atMs: number; readonly runs: number }
  /** One each so often. */
  | { readonly kind: 'regular'; readonly everyMs: number; readonly fromMs?: number; readonly untilMs?: number }
  /** One each so often on average, independent of each other. */
  | { readonly kind: 'poisson'; readonly everyMs: number; readonly fromMs?: number; readonly untilMs?: number }
);

/** What one run takes. */
export interface RunShape {
  readonly lengthMs: number;
  readonly memoryMb: number;
  /** Share of its length that it computes; 0 by default: it waits. */
  readonly cpuShare?: number;
  readonly agent?: string;
}

/** What the simulator tells. */
export interface SimulationResult {
  readonly organizations: readonly SimulatedShare[];
  /** Time of all slots within what was measured. */
  readonly slotMs: number;
  readonly busySlotMs: number;
  /**
   * Slot time idle while some organization waited that was allowed to run: 0 where work is conserved. An organization
   * with a rate or a memory limit does not count as one that is allowed to.
   */
  readonly wastedSlotMs: number;
  readonly started: number;
}

/** What the runs of one fairness key got. */
export interface KeyShare {
  readonly started: number;
  readonly maxWaitMs: number;
}

/** What one organization got. */
export interface SimulatedShare {
  readonly id: string;
  /** Used within what was measured, runs that were under way at its ends counted in part. */
  readonly resourceSeconds: number;
  readonly started: number;
  /** Still waiting at the end. */
  readonly waiting: number;
  readonly meanWaitMs: number;
  readonly maxWaitMs: number;
  /**
   * Longest time that a run was the organization's next one before it started: what an organization waits for its
   * turn, however long its own queue is. Counts one that never started, until the end.
   */
  readonly maxTurnMs: number;
  readonly maxConcurrency: number;
  readonly maxMemoryMb: number;
  /** Most starts within one rate window, which opens with the first take; 0 without a rate limit. */
  readonly maxStartsPerWindow: number;
  /** Of the runs that have a fairness key. */
  readonly keys: ReadonlyMap<string, KeyShare>;
}
