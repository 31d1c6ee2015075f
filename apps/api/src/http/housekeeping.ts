import { messageOf, type Clock, type Deadline, type Logger, type Service } from '@bullpen/core';
import { adminForgetRequests, type Database } from '@bullpen/db';

const EVERY_MS = 60_000;

/** Removes what requests leave behind once its time is over. Any number of API processes may do it at once. */
export class RequestHousekeeping implements Service {
  readonly #deps: { db: Database; clock: Clock; log: Logger; windowMs: number };
  #timer: NodeJS.Timeout | null = null;
  #sweeping: Promise<void> = Promise.resolve();

  constructor(deps: { db: Database; clock: Clock; log: Logger; windowMs: number }) {
    this.#deps = deps;
  }

  async start(): Promise<void> {
    this.#timer ??= setInterval(() => { this.#sweeping = this.sweep(); }, EVERY_MS).unref();
  }

  async quiesce(): Promise<void> {
    if (this.#timer !== null) clearInterval(this.#timer);
    this.#timer = null;
  }

  async stop(_by: Deadline): Promise<void> {
    await this.quiesce();
    await this.#sweeping;
  }

  async sweep(): Promise<void> {
    const { db, clock, log, windowMs } = this.#deps;
    try {
      await adminForgetRequests(db, new Date(clock.nowMs() - 2 * windowMs).toISOString());
    } catch (error) {
      log.warn({ reason: messageOf(error) }, 'requests.not_swept');
    }
  }
}
