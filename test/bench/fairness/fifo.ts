import { Queue, Worker } from 'bullmq';

import type { BenchRun, OpenScheduler } from './scheduler.ts';

const BATCH = 1000;
const NAME = 'fairness-fifo';

/**
 * One stock queue for everybody, one stock Worker with a slot's worth of concurrency each: whoever came first. It knows
 * no organizations, so a cap is kept by the processor: a run of an organization that is at its cap waits in its slot.
 */
export const openFifo: OpenScheduler = async ({ redisUrl, limits, slots }) => {
  const connection = { url: redisUrl, maxRetriesPerRequest: null };
  const queue = new Queue<BenchRun>(NAME, { connection, defaultJobOptions: { removeOnComplete: true } });
  const caps = new Map(Object.entries(limits).flatMap(([orgId, { maxConcurrency }]) => (maxConcurrency ? [[orgId, new Cap(maxConcurrency)] as const] : [])));
  const worker = new Worker<BenchRun>(NAME, async ({ data: run }) => {
    const cap = caps.get(run.orgId);
    await cap?.enter();
    await slots.execute(run);
    cap?.leave();
  }, { connection, concurrency: slots.slots, autorun: false });
  worker.on('error', () => undefined);
  return {
    async enqueue(runs) {
      for (let i = 0; i < runs.length; i += BATCH) await queue.addBulk(runs.slice(i, i + BATCH).map((data) => ({ name: 'run', data })));
    },
    async start() {
      void worker.run();
      await worker.waitUntilReady();
    },
    async stop() {
      for (const cap of caps.values()) cap.open();
      await worker.close();
      await queue.close();
    },
  };
};

/** Lets so many in at once; the others wait in the order in which they came. */
class Cap {
  #room: number;
  readonly #waiting: (() => void)[] = [];

  constructor(room: number) {
    this.#room = room;
  }

  async enter(): Promise<void> {
    if (this.#room > 0) this.#room -= 1;
    else await new Promise<void>((resolve) => { this.#waiting.push(resolve); });
  }

  leave(): void {
    const next = this.#waiting.shift();
    if (next) next();
    else this.#room += 1;
  }

  /** Lets everybody in, so that a worker can close. */
  open(): void {
    this.#room = Infinity;
    for (const enter of this.#waiting.splice(0)) enter();
  }
}
