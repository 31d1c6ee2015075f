import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { Deadline } from '@bullpen/core';
import type { RunQueue } from '@bullpen/queue';
import { Queue, Worker, type Job } from 'bullmq';
import { Redis } from 'ioredis';

import { ONE_SERVER_REDIS, newRun, openQueueBench, takeNothing, takeOne, takeSome, type QueueBench } from './queue-backends.ts';

jest.setTimeout(60_000);

/**
 * On Redis, adding, taking and ending a run are scripts of our own over BullMQ's layout. Here BullMQ itself, as it is published,
 * reads what they wrote and goes on with it, and they go on with what BullMQ wrote.
 */
describe.each(ONE_SERVER_REDIS)('our moves and those of a stock BullMQ, on one queue on %s', (backend) => {
  const orgId = 'stock';
  let bench: QueueBench;
  let ours: RunQueue;
  let stock: Queue;
  let worker: Worker;
  let redis: Redis;

  beforeAll(async () => {
    bench = await openQueueBench(backend);
    redis = new Redis(bench.url, { maxRetriesPerRequest: null });
    const options = { connection: redis, prefix: bench.prefix };
    stock = new Queue(`{${orgId}}`, options);
    worker = new Worker(`{${orgId}}`, null, { ...options, autorun: false, lockDuration: 60_000, name: 'stock worker' });
    await worker.waitUntilReady();
  });
  beforeEach(async () => { ours = await bench.consumer({ sweepMs: 3_600_000 }); });
  afterEach(async () => {
    await ours.stop(Deadline.in(5000));
    await stock.obliterate({ force: true });
    await redis.del(key('meta'), key('limiter'), `${bench.prefix}::order:{${orgId}}`);
  });
  afterAll(async () => {
    await worker.close();
    await stock.close();
    redis.disconnect();
    await bench.stopAll();
    await bench.drop();
  });

  const key = (...rest: string[]): string => [`${bench.prefix}:{${orgId}}`, ...rest].join(':');
  const data = { memoryMb: 64 };
  const addStock = async (runId: string, options: object = {}): Promise<Job> => {
    return stock.add('run', data, { jobId: runId, attempts: 1, removeOnComplete: true, ...options });
  };

  it.each([{ delayMs: 0 }, { delayMs: 60_000 }, { delayMs: 0, priority: 2 }])('a run that was added is the job that BullMQ would have made (%j)', async ({ delayMs, priority }) => {
    const run = { ...newRun(orgId, delayMs), ...(priority === undefined ? {} : { priority }) };
    await ours.enqueue([run]);
    const made = await redis.hgetall(key(run.runId));
    await addStock('run_stock', { delay: delayMs, ...(made.priority === '0' ? {} : { priority: Number(made.priority) }) });
    const expected = await redis.hgetall(key('run_stock'));
    expect(Object.keys(made).sort()).toEqual(Object.keys(expected).sort());
    expect({ name: made.name, delay: made.delay, priority: made.priority }).toEqual({ name: expected.name, delay: expected.delay, priority: expected.priority });
    expect(JSON.parse(made.opts!)).toMatchObject({ attempts: 1, removeOnComplete: true });
    const [job, other] = [await stock.getJob(run.runId), await stock.getJob('run_stock')];
    expect(await job!.getState()).toBe(await other!.getState());
    expect(job!.data).toEqual(data);
  });

  it('both take what either added, in the order in which it came', async () => {
    const runs = Array.from({ length: 6 }, () => newRun(orgId));
    for (const [i, run] of runs.entries()) await (i % 2 === 0 ? ours.enqueue([run]) : addStock(run.runId));
    const order: string[] = [];
    for (const [i] of runs.entries()) {
      if (i % 3 !== 0) order.push((await takeOne(ours)).runId);
      else order.push((await worker.getNextJob(`token-${i}`, { block: false }))!.id!);
    }
    expect(order).toEqual(runs.map((run) => run.runId));
  });

  it('both take by the same priorities', async () => {
    const [late, early] = [{ ...newRun(orgId), priority: 9 }, { ...newRun(orgId), priority: 1 }];
    await ours.enqueue([late, early]);
    await addStock('run_first', { priority: 1 });
    await addStock('run_last', { priority: 2_097_151 });
    const first = await takeSome(ours, 2);
    const second = [await worker.getNextJob('a', { block: false }), await worker.getNextJob('b', { block: false })];
    expect(first.map((taken) => taken.runId).sort()).toEqual(['run_first', early.runId].sort());
    expect(second.map((job) => job!.id)).toEqual([late.runId, 'run_last']);
  });

  it('ours takes a delayed run that BullMQ added when its time has come', async () => {
    await addStock('run_delayed', { delay: 200 });
    await ours.markReady([orgId]);
    expect((await takeOne(ours)).runId).toBe('run_delayed');
  });

  it("BullMQ takes a delayed run that ours added when its time has come", async () => {
    const run = newRun(orgId, 1);
    await ours.enqueue([run]);
    let job: Job | undefined;
    while (!job) job = await worker.getNextJob('token', { block: false });
    expect(job.id).toBe(run.runId);
  });

  it('a run that is taken is an active job under its lease: BullMQ shows it, renews it, and ends it', async () => {
    const run = newRun(orgId);
    await ours.enqueue([run]);
    const taken = await takeOne(ours);
    const [job] = await stock.getActive();
    expect(job).toMatchObject({ id: run.runId, processedOn: expect.any(Number) });
    expect(await job!.extendLock(taken.leaseToken, 60_000)).toBe(1);
    await expect(job!.moveToCompleted(null, 'another token', false)).rejects.toThrow(/lock/i);
    await job!.moveToCompleted(null, taken.leaseToken, false);
    await ours.complete(taken); // Lost: it does nothing.
    expect(await stock.getJobCounts('active', 'waiting', 'completed')).toEqual({ active: 0, waiting: 0, completed: 0 });
  });

  it('a run that BullMQ took is ended by ours with its token, and nothing of it is left', async () => {
    const run = newRun(orgId);
    await ours.enqueue([run]);
    const job = await worker.getNextJob('token-of-stock', { block: false });
    await job!.log('a line');
    await ours.complete({ orgId, runId: run.runId, memoryMb: 64, redelivered: false, leaseToken: 'token-of-stock' });
    expect(await redis.keys(key(`${run.runId}*`))).toEqual([]);
    expect(await stock.getActiveCount()).toBe(0);
  });

  it('a run that was lost under BullMQ comes back to ours as one that was handed out before', async () => {
    const run = newRun(orgId);
    await ours.enqueue([run]);
    await worker.getNextJob('token', { block: false });
    const again = await stock.getJob(run.runId);
    await again!.moveToDelayed(Date.now(), 'token');
    await ours.markReady([orgId]);
    expect(await takeOne(ours)).toMatchObject({ runId: run.runId, redelivered: true });
  });

  it("ours obeys a pause, a concurrency and a rate that a stock tool set, and goes on when they are lifted", async () => {
    await ours.enqueue([newRun(orgId), newRun(orgId), newRun(orgId)]);
    await stock.pause();
    expect(await takeNothing(ours, 100)).toEqual([]);
    await stock.resume();
    const first = await takeOne(ours);
    await stock.setGlobalConcurrency(1);
    expect(await takeNothing(ours, 100)).toEqual([]);
    await ours.complete(first);
    const second = await takeOne(ours);
    await stock.removeGlobalConcurrency();
    await stock.setGlobalRateLimit(1, 500);
    await ours.complete(second);
    await takeOne(ours);
    await ours.enqueue([newRun(orgId)]);
    expect(await takeNothing(ours, 100)).toEqual([]);
  });

  it('a job that has a parent, or is deduplicated, is left to those who know what to do with it', async () => {
    await stock.add('run', data, { jobId: 'run_deduplicated', deduplication: { id: 'one' } });
    const run = newRun(orgId);
    await ours.enqueue([run]);
    expect((await takeOne(ours)).runId).toBe(run.runId);
    while ((await stock.getFailedCount()) === 0);
    expect((await stock.getFailed())[0]).toMatchObject({ id: 'run_deduplicated' });
  });
});
