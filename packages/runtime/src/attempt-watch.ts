import type { ErrorCode, FailedState, InterruptReason } from '@bullpen/core';

import { interruptReasonOf } from './outcomes.ts';
import type { Reading } from './usage-meter.ts';

/**
 * Watches one attempt and decides who ends it: its deadline, an interruption, its memory, an event that cannot be
 * kept. Guarantees: the first cause stays; a deadline or a memory limit kills at once; an interruption asks the agent
 * to stop and kills after the grace; `close` leaves no timer and no listener behind.
 */

export type StopCause =
  | { readonly kind: 'timed_out' }
  | { readonly kind: 'interrupted'; readonly reason: InterruptReason }
  | { readonly kind: 'out_of_memory'; readonly externalMb: number }
  | { readonly kind: 'limit'; readonly state: FailedState; readonly code: ErrorCode; readonly message: string }
  | { readonly kind: 'event_fault' };

/** Wait before external memory beyond the limit is looked at again: much of it is garbage that V8 is about to free. */
const CONFIRM_MS = 10;

export class AttemptWatch {
  readonly #limitMb: number;
  readonly #graceMs: number;
  readonly #interrupt: AbortSignal;
  readonly #askToStop: (reason: string) => void;
  readonly #kill = new AbortController();
  readonly #deadline: NodeJS.Timeout;
  readonly #onInterrupt = () => this.#windDown({ kind: 'interrupted', reason: interruptReasonOf(this.#interrupt) });
  #grace: NodeJS.Timeout | undefined;
  #cause: StopCause | null = null;
  #wasBeyondLimit = false;

  constructor(options: { timeoutMs: number; limitMb: number; graceMs: number; interrupt: AbortSignal; askToStop: (reason: string) => void }) {
    this.#limitMb = options.limitMb;
    this.#graceMs = options.graceMs;
    this.#interrupt = options.interrupt;
    this.#askToStop = options.askToStop;
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

  /** An event could not be kept: the attempt fails, and gets the grace to notice. */
  eventFault(): void {
    this.#windDown({ kind: 'event_fault' });
  }

  /** External memory: killed at twice the limit at once, beyond the limit when a second look confirms it. */
  memory(reading: Reading): number | undefined {
    const isBeyondLimit = reading.externalMb > this.#limitMb;
    if (isBeyondLimit && (this.#wasBeyondLimit || reading.externalMb > 2 * this.#limitMb)) {
      this.#killFor({ kind: 'out_of_memory', externalMb: reading.externalMb });
    }
    this.#wasBeyondLimit = isBeyondLimit;
    return isBeyondLimit ? CONFIRM_MS : undefined;
  }

  /** A limit that was found passed from outside: killed at once. */
  limit(state: FailedState, code: ErrorCode, message: string): void {
    this.#killFor({ kind: 'limit', state, code, message });
  }

  close(): void {
    clearTimeout(this.#deadline);
    clearTimeout(this.#grace);
    this.#interrupt.removeEventListener('abort', this.#onInterrupt);
  }

  #windDown(cause: StopCause): void {
    if (this.#cause !== null) return;
    this.#cause = cause;
    this.#askToStop(cause.kind === 'interrupted' ? cause.reason : cause.kind);
    this.#grace = setTimeout(() => this.#kill.abort(cause.kind), this.#graceMs);
  }

  #killFor(cause: StopCause): void {
    this.#cause ??= cause;
    this.#kill.abort(cause.kind);
  }
}
