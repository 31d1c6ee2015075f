import { BullpenError, errorCodeOf, messageOf, type Clock, type Deadline, type Logger } from '@bullpen/core';

import { classifyFailure, unavailable } from './postgres-errors.ts';

export interface WriteContext {
  /** True when an earlier try of this statement may have been applied without our hearing of it. */
  readonly repeated: boolean;
}

export interface CoalescingWriterOptions<Item, Result> {
  /** For logs, such as `insert`. */
  name: string;
  /** Writes the items in one statement and answers for each, in order; must not throw before it returns its promise. */
  write(items: readonly Item[], context: WriteContext): Promise<readonly Result[]>;
  keyOf(item: Item): string;
  bytesOf(item: Item): number;
  clock: Clock;
  log: Logger;
  maxItems?: number;
  maxBytes?: number;
  /** Statements under way at once; default 1. With more, two items of one key may change places. */
  parallel?: number;
  /** How long an item waits for others to go with, for what nobody waits for; default 0. `maxItems` go at once. */
  lingerMs?: number;
  /** Bytes that may wait; beyond them a submit rejects at once with SERVICE_UNAVAILABLE. */
  maxQueuedBytes?: number;
  retryForMs?: number;
}

interface Pending<Item, Result> {
  readonly item: Item;
  readonly key: string;
  readonly bytes: number;
  readonly atMs: number;
  resolve(result: Result): void;
  reject(error: unknown): void;
}

const DEFAULT_MAX_ITEMS = 200;
const DEFAULT_PARALLEL = 1;
const DEFAULT_MAX_BYTES = 4 * 1024 * 1024;
const DEFAULT_MAX_QUEUED_BYTES = 256 * 1024 * 1024;
const DEFAULT_RETRY_FOR_MS = 5000;
const RETRY_DELAY_MS = 50;
/** A try is given this long even when its items are out of time: items that queued behind an outage, or in a crowd. */
const SHORTEST_TRY_MS = 2000;

/**
 * Turns many single writes into few statements without making anyone wait for a timer, unless `lingerMs` says so.
 *
 * - What is submitted while nothing is in flight goes out at once (together with what else is submitted in the same
 *   tick); what arrives while a statement is under way (or `parallel` of them) goes out together when one returns, in order, within the caps.
 * - Two items with the same key never share a statement: the later one goes in a later one. Within a statement items
 *   are sorted by key, so that two statements lock their rows in the same order.
 * - A statement that fails because of a row is split in halves until the row is alone; only that row rejects, with
 *   RECORD_FAILED.
 * - While Postgres is away a statement is tried again until `retryForMs` have passed since its oldest item came in;
 *   then its items reject with SERVICE_UNAVAILABLE. Items that waited that long behind others get one try of their own.
 * - A repeated statement may have been applied before: `write` is told, and must find out what its first try did.
 * - After `drain` every submit rejects with SHUTTING_DOWN, until `open`.
 */
export class CoalescingWriter<Item, Result> {
  readonly #options: Required<CoalescingWriterOptions<Item, Result>>;
  #queue: Pending<Item, Result>[] = [];
  #queuedBytes = 0;
  /** One place for each statement that may be under way; null: free. */
  readonly #flushing: (Promise<void> | null)[];
  #closed = false;
  #hurried = Promise.withResolvers<void>();

  constructor(options: CoalescingWriterOptions<Item, Result>) {
    this.#options = {
      maxItems: DEFAULT_MAX_ITEMS,
      parallel: DEFAULT_PARALLEL,
      maxBytes: DEFAULT_MAX_BYTES,
      maxQueuedBytes: DEFAULT_MAX_QUEUED_BYTES,
      retryForMs: DEFAULT_RETRY_FOR_MS,
      lingerMs: 0,
      ...options,
    };
    this.#flushing = Array.from({ length: this.#options.parallel }, () => null);
  }

  submit(item: Item): Promise<Result> {
    const { name, keyOf, bytesOf, maxQueuedBytes, clock } = this.#options;
    if (this.#closed) return Promise.reject(shuttingDown(name));
    const bytes = bytesOf(item);
    if (this.#queuedBytes + bytes > maxQueuedBytes) {
      return Promise.reject(unavailable(new Error(`${this.#queuedBytes} bytes wait to be written already`)));
    }
    return new Promise((resolve, reject) => {
      this.#queue.push({ item, key: keyOf(item), bytes, atMs: clock.monotonicMs(), resolve, reject });
      this.#queuedBytes += bytes;
      const place = this.#flushing.indexOf(null);
      if (place >= 0) this.#flushing[place] = this.#flushAll(place);
      else if (this.#queue.length >= this.#options.maxItems) this.#hurry();
    });
  }

  /** Takes no more and waits until all is written; what has not gone out by then rejects with SHUTTING_DOWN. */
  async drain(by: Deadline): Promise<void> {
    this.#closed = true;
    this.#hurry();
    const underWay = this.#flushing.filter((flush) => flush !== null);
    if (underWay.length === 0) return;
    await settledWithin(by.remainingMs, Promise.all(underWay));
    rejectAll(this.#queue.splice(0), shuttingDown(this.#options.name));
    this.#queuedBytes = 0;
  }

  /** Takes items again after a drain. */
  open(): void {
    this.#closed = false;
  }

  async #flushAll(place: number): Promise<void> {
    // One microtask later, so that what is submitted in the same tick shares the first statement.
    await Promise.resolve();
    while (this.#queue.length > 0) {
      await this.#linger();
      if (this.#queue.length > 0) await this.#writeBatch(this.#nextBatch(), false);
    }
    this.#flushing[place] = null;
  }

  async #linger(): Promise<void> {
    const { lingerMs, maxItems } = this.#options;
    if (lingerMs === 0 || this.#closed || this.#queue.length >= maxItems) return;
    await settledWithin(lingerMs, this.#hurried.promise);
  }

  /** Nobody lingers any longer. */
  #hurry(): void {
    this.#hurried.resolve();
    this.#hurried = Promise.withResolvers();
  }

  #nextBatch(): Pending<Item, Result>[] {
    const { maxItems, maxBytes } = this.#options;
    const batch = new Map<string, Pending<Item, Result>>();
    const later: Pending<Item, Result>[] = [];
    let bytes = 0;
    let index = 0;
    for (; index < this.#queue.length && batch.size < maxItems; index += 1) {
      const pending = this.#queue[index] as Pending<Item, Result>;
      if (batch.size > 0 && bytes + pending.bytes > maxBytes) break;
      if (batch.has(pending.key)) {
        later.push(pending);
      } else {
        batch.set(pending.key, pending);
        bytes += pending.bytes;
      }
    }
    this.#queue = [...later, ...this.#queue.slice(index)];
    this.#queuedBytes -= bytes;
    return [...batch.values()].sort((a, b) => (a.key < b.key ? -1 : 1));
  }

  /** Never rejects: every item of the batch is told how it went. */
  async #writeBatch(batch: readonly Pending<Item, Result>[], repeated: boolean): Promise<void> {
    const { clock, log, name, retryForMs } = this.#options;
    const untilMs = Math.min(...batch.map((pending) => pending.atMs)) + retryForMs;
    for (let again = repeated; ; again = true) {
      try {
        return await this.#tryOnce(batch, again, Math.max(SHORTEST_TRY_MS, untilMs - clock.monotonicMs()));
      } catch (error) {
        if (classifyFailure(error) !== 'unavailable') return this.#refuse(batch, error, again);
        if (clock.monotonicMs() >= untilMs) return rejectAll(batch, unavailable(error));
        log.warn({ writer: name, rows: batch.length, error: messageOf(error) }, 'db.write_retried');
        await settledWithin(RETRY_DELAY_MS);
      }
    }
  }

  async #tryOnce(batch: readonly Pending<Item, Result>[], repeated: boolean, tryMs: number): Promise<void> {
    const write = this.#options.write(batch.map((pending) => pending.item), { repeated });
    const results = await answeredWithin(tryMs, write);
    batch.forEach((pending, index) => pending.resolve(results[index] as Result));
  }

  async #refuse(batch: readonly Pending<Item, Result>[], error: unknown, repeated: boolean): Promise<void> {
    const { log, name } = this.#options;
    const failure = classifyFailure(error);
    if (failure === 'row' && batch.length > 1) {
      const middle = Math.ceil(batch.length / 2);
      await this.#writeBatch(batch.slice(0, middle), repeated);
      await this.#writeBatch(batch.slice(middle), repeated);
      return;
    }
    log.error({ writer: name, rows: batch.length, error: messageOf(error) }, 'db.write_refused');
    rejectAll(batch, errorCodeOf(error) === undefined ? refused(name, error, failure === 'row') : error);
  }
}

function refused(name: string, cause: unknown, byRow: boolean): BullpenError {
  return new BullpenError(byRow ? 'RECORD_FAILED' : 'INTERNAL', `Postgres refused the ${name}: ${messageOf(cause)}`, {}, { cause });
}

function rejectAll<Item, Result>(batch: readonly Pending<Item, Result>[], error: unknown): void {
  for (const pending of batch) pending.reject(error);
}

function shuttingDown(name: string): BullpenError {
  return new BullpenError('SHUTTING_DOWN', `the writer of every ${name} is stopping`);
}

/** Resolves when `work` is over, at the latest after `ms`; without work it is a pause. */
async function settledWithin(ms: number, work: Promise<unknown> = new Promise(() => undefined)): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const timeUp = new Promise<void>((resolve) => { timer = setTimeout(resolve, ms); });
  await Promise.race([work, timeUp]);
  clearTimeout(timer);
}

/** A connection that hangs (a firewall that drops, a proxy that accepts and says nothing) counts as away. */
async function answeredWithin<T>(ms: number, answer: Promise<T>): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const timeUp = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(Object.assign(new Error(`no answer in ${Math.round(ms)} ms`), { code: 'ETIMEDOUT' })), ms);
  });
  try {
    return await Promise.race([answer, timeUp]);
  } finally {
    clearTimeout(timer);
  }
}
