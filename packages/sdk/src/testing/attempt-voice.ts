import { AttemptEvents, BullpenError, SIZE_CAPS, toStorableJson, type ErrorCode, type LimitGuard, type Redactor, type RunEvent } from '@bullpen/core';

import type { AttemptEnd } from './attempt-end.ts';

interface VoiceOptions {
  readonly guard: LimitGuard;
  readonly redactor: Redactor;
  readonly end: AttemptEnd;
  readonly tell: (event: RunEvent) => void;
}

/** What an agent says: an event that cannot be kept throws in the agent and fails the attempt, caught or not. */
export class AttemptVoice {
  readonly #end: AttemptEnd;
  readonly #events: AttemptEvents;
  #isOver = false;

  constructor({ guard, redactor, end, tell }: VoiceOptions) {
    this.#end = end;
    this.#events = new AttemptEvents({ event: (event) => tell(redactor.event(event)) }, { guard });
  }

  say(event: RunEvent): void {
    if (this.#isOver) return;
    const stored = toStorableJson(event, SIZE_CAPS.eventBytes);
    const code: ErrorCode = stored.ok ? 'EVENT_NOT_STORABLE' : `EVENT_${stored.problem.toUpperCase() as 'TOO_LARGE'}`;
    if (stored.ok) this.#events.take(stored.json);
    else this.#events.refuse(`${code} ${stored.detail}`);
    const { fault } = this.#events;
    if (fault === null) return;
    this.#end.fail('failed', fault.code, fault.message);
    if (!stored.ok) throw new BullpenError(code, `this cannot be kept as an event: ${stored.detail}`);
  }

  /** The attempt is over: nothing more is heard but how much was dropped. */
  finish(): void {
    if (!this.#isOver) this.#events.finish(0);
    this.#isOver = true;
  }
}
