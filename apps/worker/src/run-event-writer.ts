import { messageOf, SIZE_CAPS, type Clock, type LiveRunMessage, type Logger, type RunEvent, type StoredRunEvent } from '@bullpen/core';
import type { ClaimedRun, RunStore } from '@bullpen/db';
import { runTopic, type LiveBus } from '@bullpen/queue';

/**
 * Numbers what one attempt says, keeps it in Postgres and then tells the live bus, in this order: whoever sees an event
 * live finds it again by its number. Everything said while a write is under way goes into the next one.
 * `flush` resolves when all that was said before it is kept, or has been given up: then the next event that can be kept
 * says how many were lost, so that no reader takes a gap for silence. Once another worker has taken the run over, nothing of
 * this one is kept or told any more.
 */
export class RunEventWriter {
  /** Numbers of one lease; the next lease starts above them, so that a number never repeats within a run. */
  static readonly NUMBERS_PER_LEASE = 1_000_000;

  readonly #run: ClaimedRun;
  readonly #deps: { store: RunStore; bus: LiveBus; clock: Clock; log: Logger };
  #said = 0;
  #pending: StoredRunEvent[] = [];
  #writing: Promise<void> | null = null;
  /** Given up, and told to nobody yet. */
  #untold = 0;
  #isFenced = false;

  constructor(run: ClaimedRun, deps: { store: RunStore; bus: LiveBus; clock: Clock; log: Logger }) {
    this.#run = run;
    this.#deps = deps;
  }

  say(event: RunEvent): void {
    if (this.#isFenced) return;
    this.#pending.push(this.#numbered(event));
    this.#writing ??= this.#writeAll();
  }

  async flush(): Promise<void> {
    await this.#writing;
    if (this.#untold > 0 && !this.#isFenced) await this.#write([]);
  }

  #numbered(event: RunEvent): StoredRunEvent {
    const seq = this.#run.lease * RunEventWriter.NUMBERS_PER_LEASE + this.#said;
    this.#said += 1;
    return { seq, attempt: this.#run.attempt, at: new Date(this.#deps.clock.nowMs()).toISOString(), event };
  }

  async #writeAll(): Promise<void> {
    // One turn of the event loop gathers what the agent says in a row into one statement.
    await new Promise((resume) => setImmediate(resume));
    while (this.#pending.length > 0 && !this.#isFenced) {
      const events = this.#pending.splice(0, 500);
      await this.#write(events);
    }
    this.#writing = null;
  }

  async #write(said: StoredRunEvent[]): Promise<void> {
    const { orgId, runId, lease } = this.#run;
    const untold = this.#untold;
    const events = untold === 0 ? said : [...said, this.#numbered({ type: 'dropped', count: untold })];
    try {
      this.#isFenced = !(await this.#deps.store.appendEvents({ orgId, runId, lease, events }));
    } catch (error) {
      this.#untold += said.length;
      if (said.length > 0) this.#deps.log.error({ lost: said.length, reason: messageOf(error) }, 'run.events_lost');
      return;
    }
    if (this.#isFenced) {
      this.#deps.log.info({ lease, unkept: events.length }, 'run.events_fenced_out');
      return;
    }
    this.#untold -= untold;
    await this.#deps.bus.publish(runTopic(orgId, runId), liveMessage(events));
  }
}

/** Past a live message's size, an empty list: a hint to read them from Postgres. */
function liveMessage(events: StoredRunEvent[]): LiveRunMessage {
  const bytes = JSON.stringify(events).length;
  return { kind: 'events', events: bytes > 4 * SIZE_CAPS.eventBytes ? [] : events };
}
