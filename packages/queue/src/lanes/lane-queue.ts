import { messageOf, type Deadline, type Logger, type Service } from '@bullpen/core';
import { Queue, Worker, type Job } from 'bullmq';

import { within } from '../unavailable.ts';
import { openLaneConnection, type LaneConnection } from './lane-connection.ts';

/**
 * Work that is known by whom it is for: a stock BullMQ queue in which each key has one job at most, waiting or under way in any
 * process. So keys take turns, however much there is to do for one of them: a turn does a little of it (`act`) and goes to the end of
 * the line where there is more. The jobs are hints: what is to be done stands elsewhere, and whoever offers looks there again and again, so a
 * queue that was lost is offered anew.
 */
export interface LaneQueue extends Service {
  /** Those that are in line already stay where they are. @throws where the queue is away */
  offer(keys: readonly string[]): Promise<void>;
}

export interface LaneQueueOptions {
  /** Where the run queue is: Redis in each of its forms, or Postgres. */
  url: string;
  /** That of the run queue. */
  prefix: string;
  /** Of the queue: a word. */
  name: string;
  workerName: string;
  /** Turns at once in this process. */
  concurrency: number;
  log: Logger;
  /** A turn. True: there is more to do. */
  act(key: string): Promise<boolean>;
}

/** A turn whose process died is found after about so long. */
const LOCK_MS = 15_000;
const STALLED_CHECK_MS = 5000;
const KEPT_EVENTS = 100;
const OFFER_WITHIN_MS = 5000;

export function createLaneQueue(options: LaneQueueOptions): LaneQueue {
  let open: OpenLanes | null = null;
  return {
    async offer(keys) {
      await open?.offer(keys);
    },
    async start() {
      open ??= await OpenLanes.open(options);
    },
    async quiesce() {
      await open?.pause();
    },
    async stop(by) {
      const closing = open;
      open = null;
      await closing?.close(by);
    },
  };
}

class OpenLanes {
  readonly #connection: LaneConnection;
  readonly #queue: Queue;
  readonly #worker: Worker;
  readonly #options: LaneQueueOptions;

  static async open(options: LaneQueueOptions): Promise<OpenLanes> {
    return new OpenLanes(options, await openLaneConnection({ ...options, name: `${options.name}:${options.workerName}` }));
  }

  private constructor(options: LaneQueueOptions, connection: LaneConnection) {
    this.#options = options;
    this.#connection = connection;
    const { name, concurrency, log } = options;
    this.#queue = new Queue(name, { ...connection.options, streams: { events: { maxLen: KEPT_EVENTS } } }, connection.factory as never);
    this.#worker = new Worker(name, (job: Job) => this.#turn(job), {
      ...connection.options, concurrency, lockDuration: LOCK_MS, stalledInterval: STALLED_CHECK_MS, autorun: false,
    }, connection.factory as never);
    // Its key is free only when its job is gone.
    this.#worker.on('completed', (job, more) => { if (more === true) void this.#offerAgain(keyOf(job)); });
    const say = (error: Error) => log.debug({ queue: name, reason: messageOf(error) }, 'lanes.error');
    this.#queue.on('error', say);
    this.#worker.on('error', say);
    this.#worker.run().catch((error: unknown) => log.warn({ queue: name, reason: messageOf(error) }, 'lanes.stopped'));
  }

  async offer(keys: readonly string[]): Promise<void> {
    if (keys.length === 0) return;
    const jobs = keys.map((key) => ({ name: 'turn', data: { key }, opts: { jobId: `${JOB_PREFIX}${key}`, removeOnComplete: true, removeOnFail: true } }));
    // BullMQ itself would wait for a server that is away for as long as it is.
    await within(OFFER_WITHIN_MS, 'offer', () => this.#queue.addBulk(jobs));
  }

  async pause(): Promise<void> {
    // True: what is under way is not waited for.
    await within(OFFER_WITHIN_MS, 'pause', () => this.#worker.pause(true)).catch(() => undefined);
  }

  async close(by: Deadline): Promise<void> {
    await within(by.remainingMs, 'close', () => this.#worker.close()).catch(() => void this.#worker.close(true).catch(() => undefined));
    await within(Math.min(by.remainingMs, OFFER_WITHIN_MS), 'close', () => this.#queue.close()).catch(() => undefined);
    await this.#connection.close(by);
  }

  async #turn(job: Job): Promise<boolean> {
    try {
      return await this.#options.act(keyOf(job));
    } catch (error) {
      this.#options.log.warn({ queue: this.#options.name, key: keyOf(job), reason: messageOf(error) }, 'lanes.turn_failed');
      return false;
    }
  }

  async #offerAgain(key: string): Promise<void> {
    await this.offer([key]).catch((error: unknown) => this.#options.log.debug({ key, reason: messageOf(error) }, 'lanes.not_offered'));
  }
}

/** An id that is a number is not one to BullMQ. */
const JOB_PREFIX = 'of-';

function keyOf(job: Job): string {
  return (job.data as { key: string }).key;
}
