import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, jest } from '@jest/globals';
import type { OrganizationLimits } from '@bullpen/core';
import type { RunQueue, TakenRun } from '@bullpen/queue';

import { QUEUE_BACKENDS, newRun, openQueueBench, takeNothing, type QueueBench } from './queue-backends.ts';

jest.setTimeout(60_000);

const UNLIMITED: OrganizationLimits = { maxConcurrency: null, rate: null, maxMemoryInFlightMb: null, paused: false, weight: 1 };
/** Longer than a worker's block, so that no poll is what obeys. */
const NEVER_SWEPT_MS = 3_600_000;

/** A worker that takes whatever it gets until it is stopped, and lets go of a run only when it is told to. */
function greedy(queue: RunQueue) {
  const held: TakenRun[] = [];
  const taking = new AbortController();
  let news = Promise.withResolvers<void>();
  const working = (async () => {
    while (!taking.signal.aborted) {
      held.push(...(await queue.take(4, taking.signal)));
      news.resolve();
      news = Promise.withResolvers<void>();
    }
  })();
  return {
    held,
    changed: () => news.promise,
    async release(count: number) {
      await Promise.all(held.splice(0, count).map((taken) => queue.complete(taken)));
    },
    async stop() {
      taking.abort();
      await working;
      await Promise.all(held.splice(0).map((taken) => queue.complete(taken)));
    },
  };
}

describe.each(QUEUE_BACKENDS)('limits that change while two workers work, on %s', (backend) => {
  let bench: QueueBench;
  let queues: RunQueue[];
  let workers: ReturnType<typeof greedy>[];
  beforeAll(async () => {
    bench = await openQueueBench(backend);
  });
  beforeEach(async () => {
    queues = await Promise.all([1, 2].map(() => bench.consumer({ sweepMs: NEVER_SWEPT_MS })));
    workers = queues.map(greedy);
  });
  afterEach(async () => {
    await Promise.all(workers.map((worker) => worker.stop()));
    await bench.stopAll();
  });
  afterAll(() => bench.drop());

  const held = (): number => workers.reduce((sum, worker) => sum + worker.held.length, 0);
  /** The test's own timeout is the limit. */
  const until = async (count: number): Promise<void> => {
    while (held() < count) await Promise.race(workers.map((worker) => worker.changed()));
  };
  /** A run of another organization goes the whole way after the change: whoever took it has seen the change. */
  const pass = async (orgId: string): Promise<void> => {
    for (let i = 0; i < 2; i += 1) {
      const before = held();
      await queues[i]!.enqueue([newRun(`${orgId}-pass`)]);
      await until(before + 1);
      for (const worker of workers) {
        const at = worker.held.findIndex((taken) => taken.orgId === `${orgId}-pass`);
        if (at >= 0) await queues[workers.indexOf(worker)]!.complete(worker.held.splice(at, 1)[0]!);
      }
    }
  };
  const enqueue = (orgId: string, runs: number): Promise<void> => queues[0]!.enqueue(Array.from({ length: runs }, () => newRun(orgId)));

  it('concurrency: what is lowered holds as runs end, what is raised is filled at once', async () => {
    await queues[0]!.setLimits('conc', { ...UNLIMITED, maxConcurrency: 6 });
    await enqueue('conc', 30);
    await until(6);
    await pass('conc');
    expect(held()).toBe(6);
    await queues[1]!.setLimits('conc', { maxConcurrency: 2 });
    for (const worker of workers) await worker.release(worker.held.length);
    await until(2);
    await pass('conc');
    expect(held()).toBe(2);
    await queues[0]!.setLimits('conc', { maxConcurrency: 9 });
    await until(9);
    await pass('conc');
    expect(held()).toBe(9);
    await queues[0]!.drain('conc');
  });

  it('pause and resume: nothing starts after the pause, and the rest after the resume without another event', async () => {
    await queues[0]!.setLimits('pause', { maxConcurrency: 3 });
    await enqueue('pause', 6);
    await until(3);
    await queues[1]!.setLimits('pause', { paused: true });
    for (const worker of workers) await worker.release(worker.held.length);
    await enqueue('pause', 2);
    await pass('pause');
    expect(held()).toBe(0);
    await queues[0]!.setLimits('pause', { paused: false });
    await until(3);
    await queues[0]!.drain('pause');
  });

  it('rate: a window that is used up holds, a rate that is lifted lets go at once', async () => {
    await queues[0]!.setLimits('rate', { rate: { runs: 2, windowMs: 3_600_000 } });
    await enqueue('rate', 8);
    await until(2);
    await pass('rate');
    expect(held()).toBe(2);
    await queues[1]!.setLimits('rate', { rate: null });
    await until(8);
  });

  it('memory in flight: what is raised is filled at once, what is lowered holds as runs end', async () => {
    await queues[0]!.setLimits('memory', { maxMemoryInFlightMb: 128 });
    await enqueue('memory', 12);
    await until(2);
    await pass('memory');
    expect(held()).toBe(2);
    await queues[1]!.setLimits('memory', { maxMemoryInFlightMb: 320 });
    await until(5);
    await pass('memory');
    expect(held()).toBe(5);
    await queues[0]!.setLimits('memory', { maxMemoryInFlightMb: 64 });
    for (const worker of workers) await worker.release(worker.held.length);
    await until(1);
    await pass('memory');
    expect(held()).toBe(1);
    await queues[0]!.drain('memory');
    expect(await takeNothing(queues[0]!, 50)).toEqual([]);
  });
});
