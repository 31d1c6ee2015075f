import type { Clock, RunEvent, StoredRunEvent } from '@bullpen/core';

/** The same numbers as a worker gives: unique and growing within a run. */
const SEQ_PER_ATTEMPT = 1_000_000;

/** Where an attempt's events go, in their order. */
export interface LocalSink {
  /** The agent's function is about to be called. */
  started(): void;
  event(event: RunEvent): void;
}

/** What a run says, numbered, and when its agent was called last. */
export interface EventBook {
  readonly events: StoredRunEvent[];
  readonly startedAtMs: number | null;
  sinkOf(attempt: number): LocalSink;
}

export function createEventBook(clock: Clock, onEvent: ((event: StoredRunEvent) => void) | undefined): EventBook {
  const events: StoredRunEvent[] = [];
  let startedAtMs: number | null = null;
  let sinks = 0;
  return {
    events,
    get startedAtMs() {
      return startedAtMs;
    },
    sinkOf(attempt) {
      sinks += 1;
      let seq = sinks * SEQ_PER_ATTEMPT;
      return {
        started() {
          startedAtMs = clock.nowMs();
        },
        event(event) {
          seq += 1;
          const stored = { seq, attempt, at: new Date(clock.nowMs()).toISOString(), event };
          events.push(stored);
          onEvent?.(stored);
        },
      };
    },
  };
}
