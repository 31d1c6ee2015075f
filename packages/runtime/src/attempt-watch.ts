import type { ErrorCode, FailedState, InterruptReason } from '@bullpen/core';

import type { MemoryRule } from './memory-rules.ts';
import { interruptReasonOf } from './outcomes.ts';
import type { Reading } from './usage-meter.ts';

/**
 * Watches one attempt and decides who ends it: its deadline, an interruption, its memory, its CPU time, an event that
 * cannot be kept. Guarantees: the first cause stays; a deadline or a limit kills at once, and so does an operator or a pool
 * that is full; any other interruption asks the agent to stop and kills after the grace; `close` leaves no timer and no listener behind.
 */

export type StopCause =
  | { readonly kind: 'timed_out' }
  | { readonly kind: 'interrupted'; readonly reason: InterruptReason }
  | { readonly kind: 'limit'; readonly state: FailedState; readonly code: ErrorCode; readonly message: string }
  | { readonly kind: 'event_fault' };

/** Interruptions that do not wait. */
const AT_ONCE: readonly InterruptReason[] = ['killed', 'pool_pressure'];
/** Wait before memory that seems beyond the limit is looked at again. */
const CONFIRM_MS = 10;

export interface AttemptWatchOptions {
  readonly timeoutMs: number;
  readonly limitMb: number;
  /** A limit of its own on what lies outside the heap. */
  readonly externalMb?: number | undefined;
  readonly memoryRule: MemoryRule;
  /** CPU time that the attempt may take. */
  readonly cpuLimitMs: number;
  readonly graceMs: number;
  readonly interrupt: AbortSignal;
  readonly askToStop: (reason: string) => void;
  /** Wall clock. */
  readonly nowMs?: () => number;
}

export class AttemptWatch {
  readonly #options: AttemptWatchOptions;
  readonly #kill = new AbortController();
  readonly #deadline: NodeJS.Timeout;
  readonly #onInterrupt = () => {
    const cause = { kind: 'interrupted' as const, reason: interruptReasonOf(this.#options.interrupt) };
    if (AT_ONCE.includes(cause.reason)) this.#killFor(cause);
    else this.#windDown(cause);
  };
  #grace: NodeJS.Timeout | undefined;
  #cause: StopCause | null = null;
  #requestedAtMs = 0;
  #isClosed = false;
  #wasSuspected = false;

  constructor(options: AttemptWatchOptions) {
    this.#options = options;
    this.#deadline = setTimeout(() => this.#killFor({ kind: 'timed_out' }), options.timeoutMs);
    options.interrupt.addEventListener('abort', this.#onInterrupt);
    if (options.interrupt.aborted) this.#onInterrupt();
  }

  /** Aborted when the thread must be terminated. */
  get kill(): AbortSignal {
    return this.#kill.signal;
  }

  /** Why the attempt was ended from outside; null where it ended by itself. */
  get cause(): StopCause | null {
    return this.#cause;
  }

  /** Wall clock: when the first cause came up. */
  get requestedAtMs(): number {
    return this.#requestedAtMs;
  }

  /** An event could not be kept: the attempt fails, and gets the grace to notice. */
  eventFault(): void {
    this.#windDown({ kind: 'event_fault' });
  }

  /** Judges a reading, and what the attempt has used of the CPU so far. Gives how soon to look again, in ms, where not as usual. */
  reading(reading: Reading, cpuMs: number): number | undefined {
    const { limitMb, externalMb, memoryRule, cpuLimitMs } = this.#options;
    const found = memoryRule(reading, limitMb, externalMb);
    if (found.kind === 'beyond' || (found.kind === 'suspected' && this.#wasSuspected)) {
      this.limit('out_of_memory', found.code ?? 'OUT_OF_MEMORY', found.message);
    } else if (cpuMs > cpuLimitMs) {
      this.limit('cpu_exceeded', 'CPU_EXCEEDED', `${Math.round(cpuMs)} ms of CPU time are beyond the allowance of ${cpuLimitMs} ms`);
    }
    this.#wasSuspected = found.kind === 'suspected';
    return this.#wasSuspected ? CONFIRM_MS : undefined;
  }

  /** A limit that was found passed from outside: killed at once. */
  limit(state: FailedState, code: ErrorCode, message: string): void {
    this.#killFor({ kind: 'limit', state, code, message });
  }

  /** The attempt is over: nothing ends it any more. */
  close(): void {
    this.#isClosed = true;
    clearTimeout(this.#deadline);
    clearTimeout(this.#grace);
    this.#options.interrupt.removeEventListener('abort', this.#onInterrupt);
  }

  #windDown(cause: StopCause): void {
    if (this.#cause !== null) return;
    this.#setCause(cause);
    this.#options.askToStop(cause.kind === 'interrupted' ? cause.reason : cause.kind);
    this.#grace = setTimeout(() => this.#kill.abort(cause.kind), this.#options.graceMs);
  }

  #killFor(cause: StopCause): void {
    if (this.#isClosed) return;
    this.#setCause(cause);
    this.#kill.abort(cause.kind);
  }

  #setCause(cause: StopCause): void {
    if (this.#cause !== null) return;
    this.#cause = cause;
    this.#requestedAtMs = (this.#options.nowMs ?? Date.now)();
  }
}
