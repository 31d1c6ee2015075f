import type {
  EgressManifest, AttemptLimits, KillReceipt, NewRun, RetryBackoff, Run, RunError, RunSummary, RunUsage, StoredRunEvent, TerminalRunState, Tier,
} from '@bullpen/core';

export type { NewRun };

/** What goes into the run store and what comes out of it. Times in `...Ms` are milliseconds since the epoch. */

export interface InsertResult {
  run: Run;
  /** False: the key was used before with the same request, and `run` is what it made then. */
  created: boolean;
}

/** What names a run. */
export interface RunRef {
  orgId: string;
  runId: string;
}

export interface ClaimWrite extends RunRef {
  workerId: string;
}

export interface ClaimedRun extends RunRef {
  agent: string;
  version: number;
  sha256: string;
  /** From 1. */
  attempt: number;
  maxAttempts: number;
  /** Fencing token: goes with every later write of this attempt. */
  lease: number;
  tier: Tier;
  timeoutMs: number;
  memoryMb: number;
  limits: AttemptLimits;
  backoff: RetryBackoff;
  inputJson: string;
  metadata: Record<string, string>;
  /** What the version declares. */
  secrets: readonly string[];
  egress?: EgressManifest;
  queuedAtMs: number;
  notBeforeMs: number | null;
  claimedAtMs: number;
  /** W3C trace context of the request that made the run. */
  traceparent: string | null;
}

/** `expired`, `exhausted` and `cancelled`: this claim ended the run, and `run` is how it ended. */
export type ClaimResult =
  | { kind: 'claimed'; run: ClaimedRun }
  | { kind: 'terminal'; state: TerminalRunState }
  | { kind: 'missing' }
  | { kind: 'expired'; run: RunSummary }
  | { kind: 'exhausted'; run: RunSummary }
  | { kind: 'cancelled'; run: RunSummary };

/** A write of an attempt: it changes the run only while `lease` is the newest one. */
export interface LeasedWrite extends RunRef {
  lease: number;
}

export interface FinishWrite extends LeasedWrite {
  state: TerminalRunState;
  resultJson: string | null;
  error: RunError | null;
  usage: RunUsage | null;
  /** Where the attempt had to be killed; left out or null, an earlier receipt stays. */
  kill?: KillReceipt | null;
  startedAtMs: number | null;
  finishedAtMs: number;
}

export interface RetryWrite extends LeasedWrite {
  error: RunError;
  usage: RunUsage | null;
  kill?: KillReceipt | null;
  startedAtMs: number | null;
  notBeforeMs: number;
}

export interface ReleaseWrite extends LeasedWrite {
  /** Why the attempt is given back, such as `shutdown`. */
  reason: string;
  kill?: KillReceipt | null;
}

export interface EventsWrite extends LeasedWrite {
  /** Numbered from `firstEventSeq(lease)`. */
  events: readonly StoredRunEvent[];
}

/** `cancelled`: it was waiting and is over. `requested`: `workerId` executes it and has to be told. */
export interface CancelResult {
  run: Run;
  workerId: string | null;
  outcome: 'cancelled' | 'requested';
}

/** Events of one lease have this many numbers to themselves, so that a later lease's sort after them. */
const EVENT_NUMBERS_PER_LEASE = 1_000_000;

/** The number of the first event that an attempt says under `lease`. */
export function firstEventSeq(lease: number): number {
  return lease * EVENT_NUMBERS_PER_LEASE;
}

/** How often a running run may be taken over from a lost worker before it is given up as crashed. */
export const MAX_REDELIVERIES = 5;
