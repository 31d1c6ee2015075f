import { Deadline, silentLogger } from '@bullpen/core';
import { createRunQueue, type RunQueue, type TakenRun } from '@bullpen/queue';

import type { BenchRun, OpenScheduler, SlotMeter } from './scheduler.ts';

const BATCH = 1000;

/** Bullpen's run queue, taken from as a worker does: as many runs as there are free slots, as soon as there is one. */
export const openOurs: OpenScheduler = async ({ redisUrl, limits, slots }) => {
  const queue = createRunQueue({ url: redisUrl, prefix: 'fairness', log: silentLogger, consumer: { name: 'bench' } });
  await queue.start();
  for (const [orgId, patch] of Object.entries(limits)) await queue.setLimits(orgId, patch);
  const worker = new SlotFiller(queue, slots);
  return {
    async enqueue(runs) {
      worker.know(runs);
      for (let i = 0; i < runs.length; i += BATCH) {
        await queue.enqueue(runs.slice(i, i + BATCH).map(({ orgId, runId, memoryMb }) => ({ orgId, runId, memoryMb, agent: 'timer', delayMs: 0 })));
      }
    },
    async start() {
      worker.start();
    },
    async stop() {
      await worker.stop();
      await queue.stop(Deadline.in(10_000));
    },
  };
};

class SlotFiller {
  readonly #queue: RunQueue;
  readonly #slots: SlotMeter;
  readonly #known = new Map<string, BenchRun>();
  readonly #end = new AbortController();
  readonly #executing = new Set<Promise<void>>();
  #filling: Promise<void> = Promise.resolve();
  #slotFreed: () => void = () => undefined;

  constructor(queue: RunQueue, slots: SlotMeter) {
    this.#queue = queue;
    this.#slots = slots;
  }

  know(runs: readonly BenchRun[]): void {
    for (const run of runs) this.#known.set(run.runId, run);
  }

  start(): void {
    this.#filling = this.#fill();
  }

  async stop(): Promise<void> {
    this.#end.abort();
    this.#slotFreed();
    await this.#filling;
    await Promise.all(this.#executing);
  }

  async #fill(): Promise<void> {
    let free = this.#slots.slots;
    while (!this.#end.signal.aborted) {
      if (free <= 0) await new Promise<void>((resolve) => { this.#slotFreed = resolve; });
      else {
        for (const taken of await this.#queue.take(free, this.#end.signal)) {
          free -= 1;
          this.#track(this.#execute(taken, () => { free += 1; this.#slotFreed(); }));
        }
      }
    }
  }

  async #execute(taken: TakenRun, release: () => void): Promise<void> {
    const { run, startedMs, endedMs } = await this.#slots.execute(this.#known.get(taken.runId)!);
    const completed = this.#queue.complete(taken, { gbSeconds: (run.memoryMb / 1024) * ((endedMs - startedMs) / 1000), cpuMs: 0 });
    // As a worker's slot is, while it records a result: what is asked for next goes along.
    release();
    await completed;
  }

  #track(executing: Promise<void>): void {
    this.#executing.add(executing);
    void executing.finally(() => this.#executing.delete(executing));
  }
}
