import { isTerminal, liveRunMessageSchema, type Run, type RunEnd } from '@bullpen/core';
import { getRun, type Database } from '@bullpen/db';
import { runTopic, type LiveBus } from '@bullpen/queue';

/** A message may be missed, so a waiter also looks at the row itself, this often. */
const LOOK_EVERY_MS = 1000;

/**
 * Waits for one run to end. Subscribe first, then write or read the row: nothing that happens in between is missed.
 * `close` must be called.
 */
export class RunWaiter {
  readonly #deps: { db: Database; bus: LiveBus };
  readonly #orgId: string;
  readonly #runId: string;
  #unsubscribe: (() => Promise<void>) | null = null;
  #hinted = Promise.withResolvers<void>();
  /** What came with the message of the end, which is sent after the end was written. */
  #end: RunEnd | undefined;

  constructor(deps: { db: Database; bus: LiveBus }, orgId: string, runId: string) {
    this.#deps = deps;
    this.#orgId = orgId;
    this.#runId = runId;
  }

  async open(): Promise<this> {
    this.#unsubscribe = await this.#deps.bus.subscribe(runTopic(this.#orgId, this.#runId), (data) => {
      const message = liveRunMessageSchema.safeParse(data);
      if (!message.success || message.data.kind !== 'state' || !isTerminal(message.data.change.state)) return;
      this.#end = message.data.end;
      this.#hinted.resolve();
    });
    return this;
  }

  /**
   * The run when it has ended, or as it is after `waitMs`, or when `signal` aborts.
   * @param first - the run as it was just written, where the caller has it: spares the first look.
   */
  async wait(waitMs: number, signal: AbortSignal, first?: Run): Promise<Run> {
    const untilMs = performance.now() + waitMs;
    const aborted = new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve(), { once: true }));
    for (let run = first ?? (await this.#read()); ; run = this.#end === undefined ? await this.#read() : { ...run, ...this.#end }) {
      const leftMs = untilMs - performance.now();
      if (isTerminal(run.state) || leftMs <= 0 || signal.aborted) return run;
      await this.#nextHint(Math.min(leftMs, LOOK_EVERY_MS), aborted);
    }
  }

  /** The caller is answered first: that the bus lets go of a subscription takes a round trip, and the bus says itself where it fails. */
  close(): void {
    const unsubscribe = this.#unsubscribe;
    this.#unsubscribe = null;
    if (unsubscribe !== null) setImmediate(() => void unsubscribe());
  }

  async #read(): Promise<Run> {
    return getRun(this.#deps.db, this.#orgId, this.#runId);
  }

  async #nextHint(withinMs: number, aborted: Promise<void>): Promise<void> {
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<void>((resolve) => { timer = setTimeout(resolve, withinMs); });
    await Promise.race([this.#hinted.promise, late, aborted]);
    clearTimeout(timer);
    this.#hinted = Promise.withResolvers<void>();
  }
}
