import { SIZE_CAPS, checkStorableText, runEventSchema, type ErrorCode, type RunEvent } from '@bullpen/core';

import type { AttemptSink } from './container.ts';

/**
 * Events of one attempt on their way from the container to the sink. Guarantees: nothing reaches the sink that is not a
 * valid, storable event of at most `SIZE_CAPS.eventBytes`; at most `eventsPerAttempt` of them and about
 * `eventBytesPerAttempt` in all, the rest counted; the first event that cannot be kept is the attempt's fault.
 */

export interface EventFault {
  readonly code: ErrorCode;
  readonly message: string;
}

const FAULT_CODES: readonly string[] = ['EVENT_TOO_LARGE', 'EVENT_NOT_SERIALIZABLE', 'EVENT_NOT_STORABLE'] satisfies ErrorCode[];

export class AttemptEvents {
  readonly #sink: AttemptSink;
  #count = 0;
  #bytes = 0;
  #dropped = 0;
  #fault: EventFault | null = null;

  constructor(sink: AttemptSink) {
    this.#sink = sink;
  }

  /** Why the attempt must fail, whatever the agent makes of it. */
  get fault(): EventFault | null {
    return this.#fault;
  }

  /** Takes the JSON text of one event. */
  take(json: string): void {
    if (this.#fault !== null) return;
    if (this.#count >= SIZE_CAPS.eventsPerAttempt || this.#bytes > SIZE_CAPS.eventBytesPerAttempt) {
      this.#dropped += 1;
      return;
    }
    const event = this.#parse(json);
    if (event === null) return;
    this.#count += 1;
    this.#bytes += json.length;
    this.#sink.event(event);
  }

  /** The container refused an event itself: `CODE detail`. */
  refuse(told: string): void {
    const [code = '', ...detail] = told.split(' ');
    const known = FAULT_CODES.includes(code) ? (code as ErrorCode) : 'EVENT_NOT_STORABLE';
    this.#fault ??= { code: known, message: `an event cannot be kept: ${detail.join(' ')}` };
  }

  /** The last word, once the container says nothing more. */
  finish(droppedInside: number): void {
    const count = this.#dropped + (Number.isSafeInteger(droppedInside) && droppedInside > 0 ? droppedInside : 0);
    if (count > 0) this.#sink.event({ type: 'dropped', count });
  }

  #parse(json: string): RunEvent | null {
    const stored = checkStorableText(json, SIZE_CAPS.eventBytes);
    if (!stored.ok) {
      this.refuse(`EVENT_${stored.problem.toUpperCase()} ${stored.detail}`);
      return null;
    }
    const parsed = runEventSchema.safeParse(parseJson(json));
    // 'dropped' is ours to say: an agent that could say it could hide what it said.
    if (parsed.success && parsed.data.type !== 'dropped') return parsed.data;
    this.refuse('EVENT_NOT_STORABLE it does not have the shape of an event');
    return null;
  }
}

function parseJson(json: string): unknown {
  try {
    return JSON.parse(json);
  } catch {
    return undefined;
  }
}
