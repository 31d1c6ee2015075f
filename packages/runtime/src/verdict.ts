import { assertNever, messageOf, type AttemptOutcome, type ContainerDeath, type RunUsage } from '@bullpen/core';

import type { EventFault } from './attempt-events.ts';
import type { StopCause } from './attempt-watch.ts';
import { failure } from './outcomes.ts';
import { exitCodeOf, isHeapLimit } from './piscina-thread.ts';
import { outcomeOfReply, type Reply } from './reply.ts';

/** How the thread itself ended an attempt. A null reply is one that does not have the shape of a reply. */
export type ThreadEnding = { kind: 'replied'; reply: Reply | null } | { kind: 'died'; error: unknown };

/** All that is known of a finished attempt. */
export interface Evidence {
  readonly cause: StopCause | null;
  readonly fault: EventFault | null;
  readonly ending: ThreadEnding;
  readonly usage: RunUsage;
  readonly limitMb: number;
  readonly timeoutMs: number;
}

/** The one outcome of an attempt. What was decided from outside weighs more than what the thread says. */
export function judge(evidence: Evidence): AttemptOutcome {
  const { cause, fault, ending, usage } = evidence;
  if (cause !== null && cause.kind !== 'event_fault') return outcomeOfCause(cause, evidence);
  if (fault !== null) return failure('failed', fault.code, fault.message, usage);
  if (ending.kind === 'died') return outcomeOfDeath(ending.error, evidence);
  if (ending.reply !== null) return outcomeOfReply(ending.reply, usage);
  return failure('crashed', 'CONTAINER_CRASHED', 'the thread replied with something that is not a reply', usage);
}

function outcomeOfCause(cause: Exclude<StopCause, { kind: 'event_fault' }>, { usage, limitMb, timeoutMs }: Evidence): AttemptOutcome {
  switch (cause.kind) {
    case 'timed_out':
      return failure('timed_out', 'TIMED_OUT', `the attempt was killed after its ${timeoutMs} ms`, usage);
    case 'interrupted':
      return { kind: 'interrupted', reason: cause.reason, usage };
    case 'out_of_memory': {
      const message = `${Math.round(cause.externalMb)} MB outside the heap (buffers and the like) are beyond the limit of ${limitMb} MB`;
      return failure('out_of_memory', 'OUT_OF_MEMORY', message, usage);
    }
    default:
      return assertNever(cause, 'stop cause');
  }
}

function outcomeOfDeath(error: unknown, { usage, limitMb }: Evidence): AttemptOutcome {
  if (isHeapLimit(error)) {
    // The last sample may be older than the growth: that the limit was reached is what is known.
    const reached = { ...usage, peakHeapMb: Math.max(usage.peakHeapMb, limitMb) };
    return failure('out_of_memory', 'OUT_OF_MEMORY', `the heap reached its limit of ${limitMb} MB`, reached);
  }
  const exitCode = exitCodeOf(error);
  if (exitCode !== null) return failure('crashed', 'AGENT_EXITED', `the agent ended its thread with exit code ${exitCode}`, usage);
  return failure('crashed', 'CONTAINER_CRASHED', `the thread failed: ${messageOf(error)}`, usage);
}

/** Why the container dies after this attempt; null where it may live on. */
export function deathAfter({ cause, fault, ending }: Pick<Evidence, 'cause' | 'fault' | 'ending'>): ContainerDeath | null {
  if (ending.kind === 'died') return deathOf(cause, ending.error);
  if (fault !== null || ending.reply === null || ending.reply.kind === 'load_failed') return 'recycled';
  return null;
}

function deathOf(cause: StopCause | null, error: unknown): ContainerDeath {
  switch (cause?.kind) {
    case 'timed_out':
    case 'out_of_memory':
      return cause.kind;
    case 'interrupted':
      return cause.reason === 'shutdown' ? 'shutdown' : 'cancelled';
    case 'event_fault':
      return 'recycled';
    case undefined:
      if (isHeapLimit(error)) return 'out_of_memory';
      return exitCodeOf(error) === null ? 'crashed' : 'exited';
    default:
      return assertNever(cause, 'stop cause');
  }
}
