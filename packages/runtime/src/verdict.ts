import { assertNever, type AttemptOutcome, type ContainerDeath, type EventFault, type FailedState, type InterruptReason, type RunUsage } from '@bullpen/core';

import type { StopCause } from './attempt-watch.ts';
import { failure } from './outcomes.ts';
import { outcomeOfReply, type Reply } from './reply.ts';

/** How a container died by itself. */
export type OwnDeath =
  | { readonly kind: 'heap_limit' }
  /** It was ended for memory that its own readings do not show: shared, of WebAssembly. */
  | { readonly kind: 'memory_limit'; readonly usedMb: number }
  | { readonly kind: 'exited'; readonly exitCode: number }
  | { readonly kind: 'failed'; readonly message: string }
  /** It was ended because of another run, or nobody can tell because of which: the attempt does not count. */
  | { readonly kind: 'cell_lost' };

/** How the container itself ended an attempt. A null reply is one that does not have the shape of a reply. */
export type AttemptEnding = { kind: 'replied'; reply: Reply | null } | { kind: 'died'; how: OwnDeath };

/** All that is known of a finished attempt. */
export interface Evidence {
  readonly cause: StopCause | null;
  readonly fault: EventFault | null;
  readonly ending: AttemptEnding;
  readonly usage: RunUsage;
  readonly limitMb: number;
  readonly timeoutMs: number;
}

/** The one outcome of an attempt. What was decided from outside weighs more than what the thread says. */
export function judge(evidence: Evidence): AttemptOutcome {
  const { cause, fault, ending, usage } = evidence;
  if (cause !== null && cause.kind !== 'event_fault') return outcomeOfCause(cause, evidence);
  if (fault !== null) return failure('failed', fault.code, fault.message, usage);
  if (ending.kind === 'died') return outcomeOfDeath(ending.how, evidence);
  if (ending.reply !== null) return outcomeOfReply(ending.reply, usage);
  return failure('crashed', 'CONTAINER_CRASHED', 'the container replied with something that is not a reply', usage);
}

function outcomeOfCause(cause: Exclude<StopCause, { kind: 'event_fault' }>, { usage, timeoutMs }: Evidence): AttemptOutcome {
  switch (cause.kind) {
    case 'timed_out':
      return failure('timed_out', 'TIMED_OUT', `the attempt was killed after its ${timeoutMs} ms`, usage);
    case 'interrupted':
      return { kind: 'interrupted', reason: cause.reason, usage };
    case 'limit':
      return failure(cause.state, cause.code, cause.message, usage);
    default:
      return assertNever(cause, 'stop cause');
  }
}

function outcomeOfDeath(how: OwnDeath, { usage, limitMb }: Evidence): AttemptOutcome {
  switch (how.kind) {
    case 'heap_limit': {
      // The last sample may be older than the growth: that the limit was reached is what is known.
      const reached = { ...usage, peakHeapMb: Math.max(usage.peakHeapMb, limitMb) };
      return failure('out_of_memory', 'OUT_OF_MEMORY', `the heap reached its limit of ${limitMb} MB`, reached);
    }
    case 'memory_limit': {
      const reached = { ...usage, peakExternalMb: Math.max(usage.peakExternalMb, how.usedMb - usage.peakHeapMb) };
      return failure('out_of_memory', 'OUT_OF_MEMORY', `${Math.round(how.usedMb)} MB are beyond the limit of ${limitMb} MB`, reached);
    }
    case 'exited':
      return failure('crashed', 'AGENT_EXITED', `the agent ended its container with exit code ${how.exitCode}`, usage);
    case 'failed':
      return failure('crashed', 'CONTAINER_CRASHED', how.message, usage);
    case 'cell_lost':
      return { kind: 'interrupted', reason: 'cell_lost', usage };
    default:
      return assertNever(how, 'death');
  }
}

/** Why the container dies after this attempt; null where it may live on. */
export function deathAfter({ cause, fault, ending }: Pick<Evidence, 'cause' | 'fault' | 'ending'>): ContainerDeath | null {
  if (ending.kind === 'died') return deathOf(cause, ending.how);
  if (cause?.kind === 'limit') return deathOfLimit(cause.state);
  if (fault !== null || ending.reply === null || ending.reply.kind === 'load_failed') return 'recycled';
  return null;
}

function deathOf(cause: StopCause | null, how: OwnDeath): ContainerDeath {
  switch (cause?.kind) {
    case 'timed_out':
      return 'timed_out';
    case 'interrupted':
      return deathOfInterrupt(cause.reason);
    case 'limit':
      return deathOfLimit(cause.state);
    case 'event_fault':
      return 'recycled';
    case undefined:
      if (how.kind === 'heap_limit' || how.kind === 'memory_limit') return 'out_of_memory';
      return how.kind === 'exited' ? 'exited' : 'crashed';
    default:
      return assertNever(cause, 'stop cause');
  }
}

function deathOfInterrupt(reason: InterruptReason): ContainerDeath {
  if (reason === 'shutdown' || reason === 'killed') return reason;
  return reason === 'pool_pressure' ? 'evicted' : 'cancelled';
}

function deathOfLimit(state: FailedState): ContainerDeath {
  if (state === 'out_of_memory' || state === 'crashed') return state;
  return 'killed';
}
