import type { EnqueuedRun } from '@bullpen/core';

import type { TakenRun } from './taken-run.ts';

/**
 * The way of runs into the queues and out of them, in the order of virtual time. One interface; on Redis each call is one
 * script, on Postgres it is put together from the ready set and BullMQ's own moves.
 */
export interface Dispatch {
  /** Adds runs, those of one organization all or none, and offers their organizations. A run that is queued stays as it is. */
  enqueue(groups: readonly RunGroup[]): Promise<void>;
  /** Ends runs, then takes up to `max` of those whose turn it is. */
  turn(request: TurnRequest): Promise<TurnResult>;
  /** Until there may be something to take, or `timeoutMs` passed, or `signal` aborted. One caller at a time. */
  wait(timeoutMs: number, signal: AbortSignal): Promise<void>;
}

/** An organization that a worker had no room for is offered again, to any worker, after so long, or when one of its runs ends. */
export const PASS_MS = 50;

/** Runs of one organization, in their order. */
export interface RunGroup {
  readonly orgId: string;
  readonly runs: readonly EnqueuedRun[];
  /** BullMQ priorities of the runs; 0 for none. */
  readonly priorities: readonly number[];
}

export interface TurnRequest {
  readonly ends: readonly RunEnd[];
  readonly max: number;
  /** Organizations that the caller has no room for: nothing of them is touched, and they come back after `PASS_MS`. */
  readonly full: readonly string[];
}

/** A run that is over. */
export interface RunEnd {
  readonly taken: TakenRun;
  /** What it cost beyond what was charged; negative where that was too much. Resource-seconds. */
  readonly owedSeconds: number;
  /** What it cost; null where that was not measured. */
  readonly costSeconds: number | null;
}

export interface TurnResult {
  /** Which of the ended runs the caller no longer held, by their place. */
  readonly lost: ReadonlySet<number>;
  readonly runs: readonly ChargedRun[];
  /** When the next organization that waits for a time comes back, epoch ms; null where none does. */
  readonly nextDueMs: number | null;
}

export interface ChargedRun {
  readonly taken: TakenRun;
  /** What its organization was charged for it to begin with, resource-seconds. */
  readonly chargedSeconds: number;
}
