import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';

import { Queue, Worker } from 'bullmq';

import type { BenchContext } from '../bench.ts';
import { emptyRedis } from '../quiet-start.ts';
import type { Line } from './line.ts';

export interface StockOptions {
  readonly dir: string;
  readonly useWorkerThreads: boolean;
  readonly concurrency: number;
  readonly newLine: () => Line;
  /** Jobs of a burst. */
  readonly each: number;
  /** Jobs before the clock. */
  readonly warmUp: number;
}

/**
 * Stock BullMQ on one queue: its sandboxed processors, which give back what they get. Its threads or processes are started by the jobs of
 * `warmUp`, before the clock.
 * @returns jobs per second
 */
export async function stockPerSecond(context: BenchContext, options: StockOptions): Promise<number> {
  const restore = allowListeners(options.concurrency);
  try {
    return await measure(context, options);
  } finally {
    restore();
  }
}

/** BullMQ pipes what each thread or process prints to our own output: more than ten listeners are no leak there. */
function allowListeners(count: number): () => void {
  const outputs = [process.stdout, process.stderr];
  const before = outputs.map((output) => output.getMaxListeners());
  for (const output of outputs) output.setMaxListeners(output.getMaxListeners() + count);
  return () => { outputs.forEach((output, i) => output.setMaxListeners(before[i] ?? 0)); };
}

async function measure(context: BenchContext, options: StockOptions): Promise<number> {
  await emptyRedis(context.services.redisUrl);
  const { concurrency, useWorkerThreads, each, warmUp } = options;
  const processor = join(options.dir, 'processor.mjs');
  await writeFile(processor, 'export default async (job) => job.data;\n');
  const connection = { url: context.services.redisUrl, maxRetriesPerRequest: null };
  const queue = new Queue('stock', { connection, defaultJobOptions: { removeOnComplete: true } });
  const worker = new Worker('stock', processor, { connection, useWorkerThreads, concurrency });
  await worker.waitUntilReady();
  const add = async (count: number) => { await queue.addBulk(Array.from({ length: count }, () => ({ name: 'echo', data: { n: 1 } }))); };
  let onCompleted: () => void = () => undefined;
  worker.on('completed', () => onCompleted());
  await new Promise<void>((resolve, reject) => {
    let left = warmUp;
    onCompleted = () => { if ((left -= 1) === 0) resolve(); };
    add(warmUp).catch(reject);
  });
  const line = options.newLine();
  onCompleted = () => line.completed();
  const beganMs = performance.now();
  await line.run(() => add(each));
  const tookMs = performance.now() - beganMs;
  await worker.close();
  await queue.close();
  return (line.jobs / tookMs) * 1000;
}
