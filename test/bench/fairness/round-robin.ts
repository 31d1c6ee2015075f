import { Queue, Worker, type Job } from 'bullmq';

import type { BenchRun, OpenScheduler, SlotMeter } from './scheduler.ts';

const BATCH = 1000;

/**
 * A stock queue per organization, and slots that ask them in turn: one run each. What a run costs plays no part. Caps
 * are counted in this process, which is the only one; an organization that is at its cap is passed over.
 */
export const openRoundRobin: OpenScheduler = async ({ redisUrl, orgIds, limits, slots }) => {
  const connection = { url: redisUrl, maxRetriesPerRequest: null };
  const queues = new Map(orgIds.map((orgId) => [orgId, new Queue<BenchRun>(`fairness-rr-${orgId}`, { connection, defaultJobOptions: { removeOnComplete: true } })]));
  const lanes = orgIds.map((orgId): Lane => ({
    worker: new Worker<BenchRun>(`fairness-rr-${orgId}`, null, { connection, autorun: false }),
    cap: limits[orgId]?.maxConcurrency ?? Infinity,
    running: 0,
  }));
  for (const { worker } of lanes) worker.on('error', () => undefined);
  const robin = new Robin(lanes, slots);
  return {
    async enqueue(runs) {
      for (const [orgId, some] of Map.groupBy(runs, (run) => run.orgId)) {
        for (let i = 0; i < some.length; i += BATCH) await queues.get(orgId)!.addBulk(some.slice(i, i + BATCH).map((data) => ({ name: 'run', data })));
      }
      robin.wake();
    },
    async start() {
      await Promise.all(lanes.map(({ worker }) => worker.waitUntilReady()));
      robin.start();
    },
    async stop() {
      await robin.stop();
      await Promise.all([...lanes.map(({ worker }) => worker.close()), ...[...queues.values()].map((queue) => queue.close())]);
    },
  };
};

interface Lane {
  readonly worker: Worker<BenchRun>;
  readonly cap: number;
  running: number;
}

class Robin {
  readonly #lanes: readonly Lane[];
  readonly #slots: SlotMeter;
  #next = 0;
  #isStopping = false;
  #loops: Promise<void>[] = [];
  #sleepers: (() => void)[] = [];
  #wakes = 0;
  readonly #completing = new Set<Promise<void>>();

  constructor(lanes: readonly Lane[], slots: SlotMeter) {
    this.#lanes = lanes;
    this.#slots = slots;
  }

  start(): void {
    this.#loops = Array.from({ length: this.#slots.slots }, (_, i) => this.#fill(`slot-${i}`));
  }

  async stop(): Promise<void> {
    this.#isStopping = true;
    this.wake();
    await Promise.all(this.#loops);
    await Promise.all(this.#completing);
  }

  /** Something came, or a cap has room again. */
  wake(): void {
    this.#wakes += 1;
    for (const wake of this.#sleepers.splice(0)) wake();
  }

  async #fill(token: string): Promise<void> {
    while (!this.#isStopping) {
      const wakes = this.#wakes;
      const found = await this.#look(token);
      if (!found) {
        // What came while it looked may lie in a queue that it had passed.
        if (wakes === this.#wakes) await new Promise<void>((resolve) => { this.#sleepers.push(resolve); });
        continue;
      }
      await this.#slots.execute(found.job.data);
      found.lane.running -= 1;
      if (found.lane.cap < Infinity) this.wake();
      this.#complete(found.job, token);
    }
  }

  /** While the slot goes on. */
  #complete(job: Job<BenchRun>, token: string): void {
    const completing = job.moveToCompleted(null as never, token, false).then(() => void this.#completing.delete(completing));
    this.#completing.add(completing);
  }

  /** One run of the next organization in turn that has one. */
  async #look(token: string): Promise<{ lane: Lane; job: Job<BenchRun> } | null> {
    // Each of them once: where slots shared one turn, two of them could ask half of the lanes twice each, and both sleep.
    const first = this.#next;
    for (let tries = 0; tries < this.#lanes.length; tries += 1) {
      const place = (first + tries) % this.#lanes.length;
      const lane = this.#lanes[place]!;
      if (lane.running >= lane.cap) continue;
      this.#next = (place + 1) % this.#lanes.length;
      lane.running += 1;
      const job = await lane.worker.getNextJob(token, { block: false });
      if (job) return { lane, job };
      lane.running -= 1;
    }
    return null;
  }
}
