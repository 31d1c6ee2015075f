/** Which organization may run next. One interface, kept in Redis or in Postgres; RunQueue does not know which. */
export interface ReadySet {
  /** These have something to run now. Done after the jobs are in, so that a claim that follows finds them. */
  markReady(orgIds: readonly string[]): Promise<void>;
  /** These will have something to run at `atMs`. */
  schedule(entries: readonly ScheduledOrganization[]): Promise<void>;
  /** Up to `max` organizations, lowest virtual time first, for this caller alone until it settles them. */
  claim(max: number): Promise<Claim>;
  /**
   * Waits until there may be something to claim, or `timeoutMs` passed, or `signal` aborted. May return a claimed
   * organization, to be settled like any other; an empty array says: try `claim` again.
   */
  wait(timeoutMs: number, signal: AbortSignal): Promise<ReadyOrganization[]>;
  /** What became of claimed organizations. */
  settle(outcomes: readonly ClaimOutcome[]): Promise<void>;
  /** A run went back unexecuted: `refund` is taken off, and with `parkUntilMs` the organization is not offered before. */
  giveBack(orgId: string, options: { refund: number; parkUntilMs: number | null }): Promise<void>;
  /** Ends the parking of an organization, if it is parked. */
  unpark(orgId: string): Promise<void>;

  /** True for one caller per `everyMs`, over all processes: whoever gets it sweeps. */
  takeSweepTurn(everyMs: number): Promise<boolean>;
  /** Every organization that may have runs, in batches. */
  known(batchSize: number): AsyncIterable<KnownOrganization[]>;
  /** Drops an organization, unless it was marked since `generation` was read. */
  forget(orgId: string, generation: string): Promise<void>;
}

export interface ScheduledOrganization {
  orgId: string;
  atMs: number;
}

export interface ReadyOrganization {
  orgId: string;
  /** What it has been charged so far; the lowest runs first. */
  virtualTime: number;
}

export interface Claim {
  organizations: ReadyOrganization[];
  /** When the next organization that waits for a time comes back, epoch ms; null where none does. */
  nextDueMs: number | null;
}

/** What the organization is after its claim: has more, has something later, or has nothing. */
export type ClaimNext = { kind: 'ready' } | { kind: 'later'; atMs: number } | { kind: 'idle' };

export interface ClaimOutcome {
  organization: ReadyOrganization;
  /** Virtual time that the runs taken cost. */
  charge: number;
  next: ClaimNext;
}

export interface KnownOrganization {
  orgId: string;
  /** Changes with every mark; see `forget`. */
  generation: string;
  /** Is offered to workers at the moment. */
  isReady: boolean;
}
