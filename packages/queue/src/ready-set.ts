import type { OrganizationLimits } from '@bullpen/core';

/**
 * Which organization may run next. One interface, kept in Redis or in Postgres; RunQueue does not know which. What one
 * caller issues takes effect in that order: a claim sees the settlements and adjustments before it.
 *
 * Virtual time: an organization's grows by what its runs cost, in resource-seconds, divided by its weight. Whoever has
 * the lowest runs next. One that becomes ready starts at the lowest among those that wait or are claimed, or, where
 * there are none, at the time that dispatch has reached, and never before its own last one: idling banks no credit.
 * What an organization is charged while nobody else waits advances the time that dispatch has reached as well, so that
 * it owes nothing to those who come later.
 */
export interface ReadySet {
  /** These have something to run now. Done after the jobs are in, so that a claim that follows finds them. */
  markReady(orgIds: readonly string[]): Promise<void>;
  /** These will have something to run at `atMs`. */
  schedule(entries: readonly ScheduledOrganization[]): Promise<void>;
  /** What changed for runs that were taken. */
  adjust(adjustments: readonly Adjustment[]): Promise<void>;

  /**
   * Changes what is given and leaves the rest; the organization is offered again, in case a limit held it.
   * @param heldMb - memory of its active runs: counts as in flight where a memory limit is new
   */
  setLimits(orgId: string, patch: Partial<OrganizationLimits>, heldMb: number): Promise<void>;
  /** Of those that have some that are not the default. */
  limits(orgIds: readonly string[]): Promise<Map<string, OrganizationLimits>>;

  /** True for one caller per `everyMs`, over all processes: whoever gets it sweeps. */
  takeSweepTurn(everyMs: number): Promise<boolean>;
  /** Every organization that may have runs, in batches; left out may be those that plainly need no care. */
  known(batchSize: number): AsyncIterable<KnownOrganization[]>;
  /** Drops an organization, unless it was marked since `generation` was read. Its limits stay. */
  forget(orgId: string, generation: string): Promise<void>;
  /** Drops the organization, its limits and the order of its runs too, whatever it has. */
  erase(orgId: string): Promise<void>;
}

/** One that gives organizations to callers and takes them back, for a dispatch that is put together of several calls. */
export interface ClaimingReadySet extends ReadySet {
  /** Up to `max` organizations, lowest virtual time first, for this caller until it settles them. */
  claim(max: number): Promise<Claim>;
  /** Until there may be something to claim, or `timeoutMs` passed, or `signal` aborted. */
  wait(timeoutMs: number, signal: AbortSignal): Promise<void>;
  /** What became of claimed organizations. */
  settle(outcomes: readonly ClaimOutcome[]): Promise<void>;
  /**
   * Counts the memory of taken runs of an organization with a memory limit as in flight: of the first ones that fit.
   * Where some do not, it is not offered until one of its runs ends. With nothing in flight the first always fits: a
   * run that is larger than the limit would block its organization for ever.
   * @returns how many fit
   */
  reserve(orgId: string, memoryMb: readonly number[]): Promise<number>;
}

export interface ScheduledOrganization {
  orgId: string;
  atMs: number;
}

export interface ReadyOrganization {
  orgId: string;
  /** What it has been charged so far, in resource-seconds over its weight; the lowest runs first. */
  virtualTime: number;
  weight: number;
  /** `reserve` must be asked for its runs. */
  hasMemoryLimit: boolean;
}

export interface Claim {
  organizations: ReadyOrganization[];
  /** The only organization claimed is the only one that waits: nothing that it takes is taken from anybody. */
  isAlone: boolean;
  /** When the next organization that waits for a time comes back, epoch ms; null where none does. */
  nextDueMs: number | null;
}

/** What the organization is after its claim: has more, has something later, or has nothing (or is at a limit). */
export type ClaimNext = { kind: 'ready' } | { kind: 'later'; atMs: number } | { kind: 'idle' };

export interface ClaimOutcome {
  orgId: string;
  /** What the runs taken are charged to begin with, resource-seconds. */
  chargeSeconds: number;
  next: ClaimNext;
}

export interface Adjustment {
  orgId: string;
  /** What is owed on top of what was charged; negative where it was too much. Resource-seconds. */
  chargeSeconds: number;
  /** Memory no longer in flight; negative where it was not counted yet. */
  freedMb: number;
  next: AdjustmentNext;
}

/**
 * What the change means for the organization's turn. `ended`: a run is over, so whatever the organization waited for
 * may have room. `returned`: a run is waiting again. `parked`: the same, and it is not offered before, unless a run of
 * it ends. `running`: nothing.
 */
export type AdjustmentNext = { kind: 'ended' } | { kind: 'returned' } | { kind: 'parked'; untilMs: number } | { kind: 'running' };

export interface KnownOrganization {
  orgId: string;
  /** Changes with every mark where `forget` needs it to tell whether something came in between. */
  generation: string;
  /** Is offered to workers at the moment. */
  isReady: boolean;
  /** Memory that counts as in flight; null where it has no memory limit. */
  inFlightMb: number | null;
}
