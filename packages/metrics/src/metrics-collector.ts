import { BullpenError, errorCodeOf, messageOf, newId, type Clock, type Deadline, type FinishedRun, type Logger, type Service } from '@bullpen/core';
import { addRunMetrics, forgetMetricWriters, type Database, type RunMetricsCell, type RuntimeSample } from '@bullpen/db';

import { addRun, bucketOf, emptyAggregate, keyOfAggregate, toCell, type RunAggregate } from './run-aggregate.ts';
import { SampleBuffer } from './sample-buffer.ts';

/**
 * Takes finished runs and adds them to the time series. What it guarantees:
 *
 * - `record` never waits and never throws. Runs are added up in memory at once, per organization, agent, version, tier,
 *   outcome and 10 s; a sum takes the same room however many runs it holds.
 * - Sums are written `flushMs` after the first of them, sooner when there are many; one transaction a batch. A batch
 *   is numbered when it is first sent and sent again as it is until Postgres has answered, so that it counts once
 *   even where the answer was lost.
 * - While Postgres is away at most `maxBuffered` sums are kept; runs that would need one more are dropped, counted in
 *   `droppedCount` and logged. A sum that Postgres refuses is dropped alone.
 * - `sample` takes gauges in the same way; they are named by their time, so that sending them again changes nothing.
 * - `stop` writes what there is within its deadline, and says what it could not.
 */
export interface MetricsCollector extends Service {
  record(run: FinishedRun): void;
  /** Gauges of this moment. */
  sample(samples: readonly RuntimeSample[]): void;
  /** Writes everything that was recorded before. @throws BullpenError SERVICE_UNAVAILABLE; what was not written is kept. */
  flush(): Promise<void>;
  /** Runs that were recorded and are in no time series. */
  readonly droppedCount: number;
  /** Sums and gauges that wait to be written. */
  readonly bufferedCount: number;
}

export interface MetricsCollectorDeps {
  db: Database;
  clock: Clock;
  log: Logger;
  /** Default 1000. */
  flushMs?: number;
  /** Sums (organization, agent, version, tier, outcome, 10 s) kept at most; default 50,000. */
  maxBuffered?: number;
  /** Told of each run that is recorded; must not throw. */
  onRecord?: (run: FinishedRun) => void;
}

interface Batch {
  /** Zero until it is sent. */
  number: number;
  cells: readonly RunMetricsCell[];
}

const DEFAULT_FLUSH_MS = 1000;
const DEFAULT_MAX_BUFFERED = 50_000;
const MAX_CELLS_PER_BATCH = 2000;
const LONGEST_RETRY_MS = 5000;
const STOP_RETRY_MS = 100;
/** A connection that hangs counts as away: the batch is sent again on another one, and counts once. */
const LONGEST_ANSWER_MS = 15_000;

export function createMetricsCollector(deps: MetricsCollectorDeps): MetricsCollector {
  return new BatchingCollector(deps);
}

class BatchingCollector implements MetricsCollector {
  readonly #deps: Required<Omit<MetricsCollectorDeps, 'onRecord'>> & Pick<MetricsCollectorDeps, 'onRecord'>;
  readonly #writerId = newId('worker');
  readonly #samples: SampleBuffer;
  #pending = new Map<string, RunAggregate>();
  #outgoing: Batch[] = [];
  #outgoingCells = 0;
  #lastNumber = 0;
  #timer: NodeJS.Timeout | null = null;
  #writing: Promise<void> | null = null;
  #failures = 0;
  #dropped = 0;
  #droppedSaid = 0;
  #stopped = false;

  constructor(deps: MetricsCollectorDeps) {
    this.#deps = { flushMs: DEFAULT_FLUSH_MS, maxBuffered: DEFAULT_MAX_BUFFERED, ...deps };
    this.#samples = new SampleBuffer(deps);
  }

  get droppedCount(): number {
    return this.#dropped;
  }

  get bufferedCount(): number {
    return this.#pending.size + this.#outgoingCells + this.#samples.size;
  }

  sample(samples: readonly RuntimeSample[]): void {
    if (this.#stopped) return;
    this.#samples.add(samples);
    this.#flushIn(this.#deps.flushMs);
  }

  record(run: FinishedRun): void {
    this.#deps.onRecord?.(run);
    const bucketAtMs = bucketOf(run.finishedAtMs, this.#deps.clock.nowMs());
    const key = keyOfAggregate(run, bucketAtMs);
    const aggregate = this.#pending.get(key) ?? this.#newAggregate(key, run, bucketAtMs);
    if (aggregate === null) {
      this.#drop(1);
      return;
    }
    addRun(aggregate, run);
    if (this.#pending.size === MAX_CELLS_PER_BATCH && this.#failures === 0) this.#flushIn(0);
    else this.#flushIn(this.#deps.flushMs);
  }

  flush(): Promise<void> {
    this.#writing ??= this.#writeAll();
    return this.#writing;
  }

  async start(): Promise<void> {
    this.#stopped = false;
    await forgetMetricWriters(this.#deps.db).catch((error: unknown) => {
      this.#deps.log.warn({ error: messageOf(error) }, 'metrics.writers_not_forgotten');
    });
  }

  async quiesce(): Promise<void> {
    // Runs that are still executing will be recorded: they are taken until stop.
  }

  async stop(by: Deadline): Promise<void> {
    if (this.#stopped) return;
    this.#stopped = true;
    this.#clearTimer();
    while (!(await this.#flushedBy(by)) && by.remainingMs > 0) await settledWithin(Math.min(STOP_RETRY_MS, by.remainingMs));
    this.#dropRest();
  }

  /** Null: there is no room for one more, or nobody will write it. */
  #newAggregate(key: string, run: FinishedRun, bucketAtMs: number): RunAggregate | null {
    if (this.#stopped || this.#pending.size + this.#outgoingCells >= this.#deps.maxBuffered) return null;
    const aggregate = emptyAggregate(run, bucketAtMs);
    this.#pending.set(key, aggregate);
    return aggregate;
  }

  #flushIn(ms: number): void {
    if (this.#stopped || (this.#timer !== null && ms > 0)) return;
    this.#clearTimer();
    this.#timer = setTimeout(() => {
      this.#timer = null;
      // What went wrong is logged where it is counted, and the next flush is set.
      this.flush().catch(() => undefined);
    }, ms);
  }

  #clearTimer(): void {
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#timer = null;
  }

  async #writeAll(): Promise<void> {
    // Never over before `flush` has taken hold of it.
    await Promise.resolve();
    try {
      for (let batch = this.#nextBatch(); batch !== undefined; batch = this.#nextBatch()) await this.#write(batch);
      await this.#samples.write();
      this.#failures = 0;
      this.#clearTimer();
    } catch (error) {
      this.#failures += 1;
      this.#deps.log.warn({ failures: this.#failures, sums: this.#pending.size + this.#outgoingCells, error: messageOf(error) }, 'metrics.flush_failed');
      this.#flushIn(Math.min(LONGEST_RETRY_MS, this.#deps.flushMs * 2 ** this.#failures));
      throw error;
    } finally {
      this.#sayDropped();
      // In the same turn as the last look at what is pending: a later flush begins anew and misses nothing.
      this.#writing = null;
    }
  }

  #nextBatch(): Batch | undefined {
    if (this.#outgoing.length === 0 && this.#pending.size > 0) {
      const keys = [...this.#pending.keys()].slice(0, MAX_CELLS_PER_BATCH);
      const cells = keys.map((key) => toCell(this.#pending.get(key) as RunAggregate));
      for (const key of keys) this.#pending.delete(key);
      this.#outgoing.push({ number: 0, cells });
      this.#outgoingCells += cells.length;
    }
    return this.#outgoing[0];
  }

  /** Throws where the batch is to be sent again as it is. */
  async #write(batch: Batch): Promise<void> {
    const { db, log } = this.#deps;
    if (batch.number === 0) batch.number = this.#lastNumber += 1;
    try {
      const added = await answeredWithin(LONGEST_ANSWER_MS, addRunMetrics(db, { writerId: this.#writerId, ...batch }));
      this.#letGo(batch);
      if (added !== null && added < batch.cells.length) log.warn({ sums: batch.cells.length - added }, 'metrics.organization_gone');
    } catch (error) {
      if (errorCodeOf(error) === 'SERVICE_UNAVAILABLE') throw error;
      this.#letGo(batch);
      this.#splitOrDrop(batch, error);
    }
  }

  #letGo(batch: Batch): void {
    this.#outgoing = this.#outgoing.filter((other) => other !== batch);
    this.#outgoingCells -= batch.cells.length;
  }

  /** A batch that Postgres refuses is halved until the sum that is at fault is alone. */
  #splitOrDrop({ cells }: Batch, error: unknown): void {
    if (cells.length <= 1) {
      this.#deps.log.error({ orgId: cells[0]?.orgId, agent: cells[0]?.agent, error: messageOf(error) }, 'metrics.refused');
      this.#drop(cells.reduce((sum, cell) => sum + cell.runs, 0));
      return;
    }
    const middle = Math.ceil(cells.length / 2);
    this.#outgoing.unshift({ number: 0, cells: cells.slice(0, middle) }, { number: 0, cells: cells.slice(middle) });
    this.#outgoingCells += cells.length;
  }

  #drop(runs: number): void {
    this.#dropped += runs;
    // The first one at once; the rest are said with the next flush, not one line each.
    if (this.#droppedSaid === 0) this.#sayDropped();
  }

  #sayDropped(): void {
    if (this.#dropped === this.#droppedSaid) return;
    this.#deps.log.error({ dropped: this.#dropped - this.#droppedSaid, droppedInAll: this.#dropped }, 'metrics.dropped');
    this.#droppedSaid = this.#dropped;
  }

  /** Whether all was written before the deadline. */
  async #flushedBy(by: Deadline): Promise<boolean> {
    let done = false;
    await settledWithin(by.remainingMs, this.flush().then(() => { done = true; }, () => undefined));
    return done;
  }

  #dropRest(): void {
    const rest = [...this.#pending.values(), ...this.#outgoing.flatMap((batch) => batch.cells)];
    this.#pending.clear();
    this.#outgoing = [];
    this.#outgoingCells = 0;
    this.#drop(rest.reduce((sum, cell) => sum + cell.runs, 0));
    this.#sayDropped();
  }
}

/** Resolves when `work` is over, at the latest after `ms`; without work it is a pause. */
async function settledWithin(ms: number, work: Promise<unknown> = new Promise(() => undefined)): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const timeUp = new Promise<void>((resolve) => { timer = setTimeout(resolve, ms); });
  await Promise.race([work, timeUp]);
  clearTimeout(timer);
}

/** @throws BullpenError SERVICE_UNAVAILABLE where there is no answer in time. */
async function answeredWithin<T>(ms: number, answer: Promise<T>): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const timeUp = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new BullpenError('SERVICE_UNAVAILABLE', `Postgres did not answer in ${ms} ms`)), ms);
  });
  try {
    return await Promise.race([answer, timeUp]);
  } finally {
    clearTimeout(timer);
  }
}
