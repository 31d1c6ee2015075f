import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';

import { Queue, Worker } from 'bullmq';

import type { BenchContext } from '../bench.ts';
import { emptyRedis } from '../quiet-start.ts';
import type { Line } from './line.ts';

/**
 * Stock BullMQ on one queue: its sandboxed processors, which give back what they get. Its threads or processes are started by the jobs of
 * `warmUp`, before the clock.
 * @returns jobs per second
 */
export async function stockPerSecond(
  context: BenchContext, options: { dir: string; useWorkerThreads: boolean; concurrency: number; newLine: () => Line; each: number; warmUp: number },
): Promise<number> {
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
