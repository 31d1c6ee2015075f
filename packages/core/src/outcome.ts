import type { ErrorCode } from './error-registry.ts';
import type { KillReceipt } from './kill-receipt.ts';
import type { RunError, RunUsage } from './run-schemas.ts';
import type { TerminalRunState } from './run-state.ts';
import type { Tier } from './tier.ts';

/**
 * How one attempt ended, as the runtime tells it. A tagged union: failures are values, nothing is thrown across the
 * boundary of a container.
 */
export type AttemptOutcome =
  | { kind: 'succeeded'; resultJson: string; usage: RunUsage }
  | { kind: 'failed'; state: FailedState; error: RunError & { code: ErrorCode }; retryable: boolean; usage: RunUsage; kill?: KillReceipt }
  | { kind: 'interrupted'; reason: InterruptReason; usage: RunUsage; kill?: KillReceipt };

/** Terminal states of an attempt that ended by itself or by a limit. */
export const FAILED_STATES = ['failed', 'timed_out', 'out_of_memory', 'cpu_exceeded', 'crashed'] as const;
export type FailedState = (typeof FAILED_STATES)[number];

/** A run that its caller cancelled or let expire is a run, but no failure of the agent. */
export function isFailure(state: TerminalRunState): state is FailedState {
  return (FAILED_STATES as readonly TerminalRunState[]).includes(state);
}

/**
 * Who ended the attempt from outside. `cancelled` (by a caller) and `killed` (by an operator) are final, the others give
 * the attempt back to the queue; `no_slot`: it was admitted ahead, and no slot became free in time. `killed` and `pool_pressure` leave no grace.
 */
export type InterruptReason = 'cancelled' | 'killed' | 'shutdown' | 'lease_lost' | 'cell_lost' | 'pool_pressure' | 'no_slot';

/** A finished run, as the metrics take it. */
export interface FinishedRun {
  orgId: string;
  runId: string;
  agent: string;
  version: number;
  tier: Tier;
  state: TerminalRunState;
  errorCode: string | null;
  /** Wall clock, ms since the epoch. */
  finishedAtMs: number;
  /** From queued (or its not-before time) to claimed. */
  queueWaitMs: number;
  usage: RunUsage | null;
  /** Of language models, as the agent's spans tell of them. */
  tokens?: number;
}
