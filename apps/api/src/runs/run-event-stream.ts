import { isTerminal, liveRunMessageSchema, type Run, type RunStateEvent, type StoredRunEvent } from '@bullpen/core';
import { getRun, listRunEvents, type Database } from '@bullpen/db';
import { runTopic, type LiveBus } from '@bullpen/queue';

/** Where frames go; `write` resolves when the client may get more. */
export interface FrameSink {
  write(frame: string): Promise<void>;
}

const PAGE = 500;
/** A live message may be missed: look at Postgres at least this often. Also the pulse that keeps proxies awake. */
const LOOK_EVERY_MS = 5000;
/** For a load balancer to hear that the process takes no more. */
const RECONNECT_AFTER_MS = 500;

/**
 * One client that follows one run by server-sent events. Postgres is the source, the live bus only the hint to read it:
 * every event with a number above `after` is sent once, in order, whatever messages are lost or doubled. It ends with
 * an `end` frame when the run has ended and all it said has been sent; with `reconnect` when its process stops before, or its key is good no more.
 */
export class RunEventStream {
  readonly #deps: { db: Database; bus: LiveBus };
  readonly #run: { orgId: string; id: string };
  readonly #sink: FrameSink;
  #after: number;
  #lastState = '';
  #hint = Promise.withResolvers<void>();

  constructor(deps: { db: Database; bus: LiveBus }, run: { orgId: string; id: string }, after: number, sink: FrameSink) {
    this.#deps = deps;
    this.#run = run;
    this.#after = after;
    this.#sink = sink;
  }

  /** Sends until the run has ended, or `signal` aborts. With `follow` false: what there is, and the end. */
  async send(follow: boolean, signal: AbortSignal): Promise<void> {
    signal.addEventListener('abort', () => this.#hint.resolve(), { once: true });
    const unsubscribe = follow ? await this.#listen() : async () => undefined;
    try {
      while (!signal.aborted) {
        // The row first: when it says the run has ended, all its events are stored already and are read after it.
        const run = await getRun(this.#deps.db, this.#run.orgId, this.#run.id);
        const ended = isTerminal(run.state);
        if (!ended) await this.#sendState(run);
        await this.#sendStored(signal);
        if (ended) await this.#sendState(run);
        if (!follow || ended) return await this.#sendEnd(run);
        await this.#nextHint();
      }
      await this.#sendReconnect();
    } finally {
      await unsubscribe();
    }
  }

  async #listen(): Promise<() => Promise<void>> {
    return this.#deps.bus.subscribe(runTopic(this.#run.orgId, this.#run.id), (data) => {
      if (liveRunMessageSchema.safeParse(data).success) this.#hint.resolve();
    });
  }

  async #sendStored(signal: AbortSignal): Promise<void> {
    for (;;) {
      const events = await listRunEvents(this.#deps.db, this.#run.orgId, this.#run.id, this.#after, PAGE);
      for (const stored of events) await this.#sendEvent(stored);
      if (events.length < PAGE || signal.aborted) return;
    }
  }

  async #sendEvent(stored: StoredRunEvent): Promise<void> {
    await this.#sink.write(`id: ${stored.seq}\nevent: ${stored.event.type}\ndata: ${JSON.stringify(stored)}\n\n`);
    this.#after = stored.seq;
  }

  async #sendState(run: Run): Promise<void> {
    const key = `${run.state}/${run.attempt}`;
    if (key === this.#lastState) return;
    this.#lastState = key;
    const change: RunStateEvent = { state: run.state, attempt: run.attempt, at: lastChangeOf(run) };
    await this.#sink.write(`event: state\ndata: ${JSON.stringify(change)}\n\n`);
  }

  async #sendEnd(run: Run): Promise<void> {
    const { input: _input, result: _result, ...summary } = run;
    await this.#sink.write(`event: end\ndata: ${JSON.stringify(summary)}\n\n`);
  }

  /** The process stops (or the client is gone, and nobody hears it): another one goes on after the last event, for a key that is good. */
  async #sendReconnect(): Promise<void> {
    await this.#sink.write(`event: reconnect\nretry: ${RECONNECT_AFTER_MS}\ndata: {}\n\n`);
  }

  async #nextHint(): Promise<void> {
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<'late'>((resolve) => { timer = setTimeout(() => resolve('late'), LOOK_EVERY_MS); });
    const first = await Promise.race([this.#hint.promise, late]);
    clearTimeout(timer);
    this.#hint = Promise.withResolvers<void>();
    if (first === 'late') await this.#sink.write(': still here\n\n');
  }
}

function lastChangeOf(run: Run): string {
  return run.finishedAt ?? run.claimedAt ?? run.queuedAt;
}
