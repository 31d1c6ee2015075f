import { Deadline, silentLogger, type EnqueuedRun } from '@bullpen/core';
import { createRunQueue } from '@bullpen/queue';
import { Queue } from 'bullmq';

import type { BenchContext, BenchOutcome, BenchResult } from './bench.ts';
import { median } from './statistics.ts';

/**
 * How many runs a second can one process enqueue: one at a time, 32 at a time, and 1,000 in one call? Beside a bare
 * `queue.add` (and `addBulk` for the batch), which tells nobody whose turn it is.
 */
const RUNS = { one: 2000, concurrent: 10_000, batch: 20_000 } as const;
const CONCURRENCY = 32;
const BATCH = 1000;

type Way = keyof typeof RUNS;

interface Side {
  add(ids: readonly number[]): Promise<unknown>;
  stop(): Promise<void>;
}

export default async function enqueue(context: BenchContext): Promise<BenchOutcome> {
  const sides = { ours: await startOurs(context), bare: startBare(context) };
  const results: BenchResult[] = [];
  let next = 0;
  const measure = async (side: Side, way: Way): Promise<number> => {
    const ids = Array.from({ length: RUNS[way] }, () => (next += 1));
    const startMs = performance.now();
    await WAYS[way](side, ids);
    return (ids.length / (performance.now() - startMs)) * 1000;
  };
  try {
    for (const way of Object.keys(RUNS) as Way[]) {
      const rounds: { ours: number; bare: number }[] = [];
      for (let round = 0; round < context.rounds; round += 1) rounds.push({ ours: await measure(sides.ours, way), bare: await measure(sides.bare, way) });
      const [ours, bare] = [median(rounds.map((round) => round.ours)), median(rounds.map((round) => round.bare))];
      context.log(`${way}: ours ${Math.round(ours)}/s, bare ${Math.round(bare)}/s`);
      results.push({ metric: `${way}.runs_per_s`, value: ours, unit: '1/s', against: bare, ratio: median(rounds.map((round) => round.ours / round.bare)) });
    }
  } finally {
    await Promise.all([sides.ours.stop(), sides.bare.stop()]);
  }
  return { results };
}

const WAYS: Record<Way, (side: Side, ids: readonly number[]) => Promise<void>> = {
  async one(side, ids) {
    for (const id of ids) await side.add([id]);
  },
  async concurrent(side, ids) {
    const left = [...ids];
    await Promise.all(Array.from({ length: CONCURRENCY }, async () => {
      for (let id = left.pop(); id !== undefined; id = left.pop()) await side.add([id]);
    }));
  },
  async batch(side, ids) {
    for (let from = 0; from < ids.length; from += BATCH) await side.add(ids.slice(from, from + BATCH));
  },
};

async function startOurs({ services }: BenchContext): Promise<Side> {
  const queue = createRunQueue({ url: services.redisUrl, prefix: 'bench', log: silentLogger });
  await queue.start();
  return {
    add: (ids) => queue.enqueue(ids.map((id): EnqueuedRun => ({ orgId: 'bench', runId: `run_${id}`, memoryMb: 64, delayMs: 0 }))),
    stop: () => queue.stop(Deadline.in(5000)),
  };
}

function startBare({ services }: BenchContext): Side {
  const queue = new Queue('bare', { connection: { url: services.redisUrl } });
  const jobOf = (id: number) => ({ name: 'run', data: { memoryMb: 64 }, opts: { jobId: `run_${id}`, removeOnComplete: true } });
  return {
    add(ids) {
      if (ids.length > 1) return queue.addBulk(ids.map(jobOf));
      const { name, data, opts } = jobOf(ids[0]!);
      return queue.add(name, data, opts);
    },
    stop: () => queue.close(),
  };
}
