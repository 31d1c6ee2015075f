import type { ErrorCode } from './error-registry.ts';
import { runEventSchema, type RunEvent } from './event-schemas.ts';
import type { LimitGuard } from './limit-guard.ts';
import { SIZE_CAPS } from './limits.ts';
import { checkStorableText, utf8Bytes } from './stored-json.ts';

/**
 * Events of one attempt on their way from the container to the sink. Guarantees: nothing reaches the sink that is not a
 * valid, storable event of at most `SIZE_CAPS.eventBytes`; at most `eventsPerAttempt` of them and about
 * `eventBytesPerAttempt` in all, the rest counted; the first event that cannot be kept is the attempt's fault. Volume and
 * rate are told to the guard of the attempt's own limits, and beyond one of those nothing more is kept.
 */

/** Where events go; its call must not throw. */
export interface EventSink {
  event(event: RunEvent): void;
}

export interface EventFault {
  readonly code: ErrorCode;
  readonly message: string;
}

const FAULT_CODES: readonly string[] = ['EVENT_TOO_LARGE', 'EVENT_NOT_SERIALIZABLE', 'EVENT_NOT_STORABLE'] satisfies ErrorCode[];

export class AttemptEvents {
  readonly #sink: EventSink;
  readonly #guard: LimitGuard | null;
  readonly #nowMs: () => number;
  #secondEndsMs = -Infinity;
  #countInSecond = 0;
  #logBytes = 0;
  #count = 0;
  #bytes = 0;
  #dropped = 0;
  #fault: EventFault | null = null;

  /** @param options.nowMs - monotonic; needed for a limit per second */
  constructor(sink: EventSink, options: { guard?: LimitGuard; nowMs?: () => number } = {}) {
    this.#sink = sink;
    this.#guard = options.guard ?? null;
    this.#nowMs = options.nowMs ?? (() => performance.now());
  }

  /** Why the attempt must fail, whatever the agent makes of it. */
  get fault(): EventFault | null {
    return this.#fault;
  }

  /** Takes the JSON text of one event. */
  take(json: string): void {
    if (this.#fault !== null) return;
    if (!this.#isWithinLimits(json)) {
      this.#dropped += 1;
      return;
    }
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

  #isWithinLimits(json: string): boolean {
    const guard = this.#guard;
    if (guard === null) return true;
    if (guard.breach !== null) return false;
    if (guard.allowed('logBytes') !== undefined) this.#logBytes += utf8Bytes(json);
    return guard.used('logBytes', this.#logBytes) && guard.used('eventsPerSecond', this.#countThisSecond(guard));
  }

  /** Seconds that begin with the first event after the one before: an attempt without the limit is not timed. */
  #countThisSecond(guard: LimitGuard): number {
    if (guard.allowed('eventsPerSecond') === undefined) return 0;
    const nowMs = this.#nowMs();
    if (nowMs >= this.#secondEndsMs) {
      this.#secondEndsMs = nowMs + 1000;
      this.#countInSecond = 0;
    }
    this.#countInSecond += 1;
    return this.#countInSecond;
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
