import { assertNever, type InterruptReason, type KillCause, type KillReceipt } from '@bullpen/core';

import type { StopCause } from './attempt-watch.ts';

/** What is known of a kill when its attempt's outcome is written. Times are wall clock, ms since the epoch. */
export interface KillFacts {
  readonly attempt: number;
  readonly cause: StopCause;
  readonly requestedAtMs: number;
  readonly signal: KillReceipt['signal'];
  /** Null where the container was still there. */
  readonly deadAtMs: number | null;
  readonly heldMb: number;
}

export function killReceipt({ attempt, cause, requestedAtMs, signal, deadAtMs, heldMb }: KillFacts): KillReceipt {
  return {
    attempt,
    ...whoAndWhy(cause),
    requestedAt: new Date(requestedAtMs).toISOString(),
    signal,
    deadAt: deadAtMs === null ? null : new Date(Math.max(deadAtMs, requestedAtMs)).toISOString(),
    reclaimedMb: deadAtMs === null ? 0 : Math.round(heldMb * 10) / 10,
  };
}

const BY_INTERRUPT: Readonly<Record<InterruptReason, { by: KillCause; detail: string }>> = {
  cancelled: { by: 'cancel', detail: 'a caller cancelled the run' },
  killed: { by: 'operator', detail: 'an operator killed the container' },
  shutdown: { by: 'shutdown', detail: 'the worker stopped' },
  lease_lost: { by: 'lease_lost', detail: 'the worker lost the run to another one' },
  cell_lost: { by: 'cell_lost', detail: 'the process around the container had to end' },
  pool_pressure: { by: 'pool_pressure', detail: 'the memory pool was full, and this run held most above its reserve' },
  no_slot: { by: 'fault', detail: 'no slot became free in time' }, // nothing of it runs by then
};

function whoAndWhy(cause: StopCause): Pick<KillReceipt, 'by' | 'detail'> {
  switch (cause.kind) {
    case 'timed_out': return { by: 'deadline', detail: 'the wall-clock limit passed' };
    case 'limit': return { by: 'limit', detail: cause.message };
    case 'interrupted': return BY_INTERRUPT[cause.reason];
    case 'event_fault': return { by: 'fault', detail: 'an event could not be kept' };
    default: return assertNever(cause, 'stop cause');
  }
}
