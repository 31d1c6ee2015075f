import { Deadline, silentLogger, type EnqueuedRun } from '@bullpen/core';
import { createRunQueue, type RunQueue } from '@bullpen/queue';
import { Queue, Worker, createRedisBackend } from 'bullmq';
import { Redis } from 'ioredis';

import type { BenchContext, BenchOutcome, BenchResult } from './bench.ts';
import { median } from './statistics.ts';

/**
 * How many runs a second does one process take and complete, by the number of organizations that have some waiting? The
 * runs do nothing; there are no containers and no rows. Ours: one queue per organization, 32 slots. Beside it, in the same
 * process and on the same Redis, in turns: stock BullMQ with one Worker per organization (concurrency 1, which is stock),
 * and one stock Worker with concurrency 32 on a single queue, which knows no organizations. All remove completed jobs.
 */
const SIZES = [1, 100, 1000, 5000, 10_000] as const;
/** Beyond it, one Worker per organization needs more connections and memory than the machine has. */
const MOST_WORKERS = 5000;
const SLOTS = 32;
/** What a run that does nothing uses: 1 ms in 64 MB. */
const USED = { gbSeconds: 0.0001, cpuMs: 1 };

interface Reading {
  readonly runsPerSecond: number;
  readonly rssMb: number;
  readonly connections: number;
}

export default async function dispatch(context: BenchContext): Promise<BenchOutcome> {
  const results: BenchResult[] = [];
  const ownRates = new Map<number, number>();
  for (const organizations of SIZES) {
    const rounds: { ours: Reading; single: Reading; perOrg: Reading | null }[] = [];
    for (let round = 0; round < context.rounds; round += 1) {
      const ours = await measure(context, organizations, drainOurs);
      const single = await measure(context, organizations, drainSingleQueue);
      const perOrg = organizations <= MOST_WORKERS ? await measure(context, organizations, drainPerOrganization) : null;
      rounds.push({ ours, single, perOrg });
      context.log(`${organizations} organizations, round ${round + 1}: ours ${tell(ours)}; one queue ${tell(single)}; a Worker each ${perOrg ? tell(perOrg) : '-'}`);
    }
    ownRates.set(organizations, median(rounds.map(({ ours }) => ours.runsPerSecond)));
    results.push(...resultsOf(`orgs${organizations}`, rounds));
  }
  results.push({ metric: 'orgs10000.ratio_orgs1000', value: ownRates.get(10_000)! / ownRates.get(1000)!, unit: 'ratio' });
  return { results };
}

function resultsOf(name: string, rounds: readonly { ours: Reading; single: Reading; perOrg: Reading | null }[]): BenchResult[] {
  const middle = (read: (round: (typeof rounds)[number]) => number) => median(rounds.map(read));
  const single = middle(({ ours, single }) => ours.runsPerSecond / single.runsPerSecond);
  const results: BenchResult[] = [
    { metric: `${name}.runs_per_s`, value: middle(({ ours }) => ours.runsPerSecond), unit: '1/s', against: middle((round) => round.single.runsPerSecond), ratio: single },
    { metric: `${name}.ratio_single_queue`, value: single, unit: 'ratio' },
    { metric: `${name}.connections`, value: Math.max(...rounds.map(({ ours }) => ours.connections)), unit: 'ratio' },
    { metric: `${name}.rss_mb`, value: middle(({ ours }) => ours.rssMb), unit: 'MB' },
  ];
  if (rounds.some(({ perOrg }) => perOrg === null)) return results;
  const perOrg = middle(({ ours, perOrg }) => ours.runsPerSecond / perOrg!.runsPerSecond);
  return [
    ...results,
    { metric: `${name}.per_org_workers_runs_per_s`, value: middle((round) => round.perOrg!.runsPerSecond), unit: '1/s' },
    { metric: `${name}.ratio_per_org_workers`, value: perOrg, unit: 'ratio' },
    { metric: `${name}.per_org_workers_rss_mb`, value: middle((round) => round.perOrg!.rssMb), unit: 'MB' },
  ];
}

function tell({ runsPerSecond, rssMb, connections }: Reading): string {
  return `${Math.round(runsPerSecond)}/s, ${connections} connections, ${Math.round(rssMb)} MB`;
}

/** Enough runs to last a second or two, and several for each organization. */
function runsFor(organizations: number): number {
  return Math.max(20_000, organizations * 4);
}

interface Drain {
  /** From the first take to the last completion, ms. */
  tookMs: number;
  rssMb: number;
  connections: number;
}

async function measure({ services }: BenchContext, organizations: number, drain: (redisUrl: string, organizations: number, runs: number) => Promise<Drain>): Promise<Reading> {
  const admin = new Redis(services.redisUrl);
  await admin.flushall();
  await admin.quit();
  const runs = runsFor(organizations);
  const { tookMs, rssMb, connections } = await drain(services.redisUrl, organizations, runs);
  return { runsPerSecond: (runs / tookMs) * 1000, rssMb, connections };
}

async function connectionsOf(redisUrl: string): Promise<number> {
  const admin = new Redis(redisUrl);
  const clients = String(await admin.client('LIST')).trim().split('\n').length;
  await admin.quit();
  return clients - 1;
}

function rssMb(): number {
  return process.memoryUsage().rss / 2 ** 20;
}

async function drainOurs(redisUrl: string, organizations: number, runs: number): Promise<Drain> {
  const queue = createRunQueue({ url: redisUrl, prefix: 'bench', log: silentLogger, consumer: { name: 'bench' } });
  const beforeMb = rssMb();
  await queue.start();
  try {
    for (let from = 0; from < runs; from += 1000) await queue.enqueue(Array.from({ length: Math.min(1000, runs - from) }, (_, i) => runOf(from + i, organizations)));
    const startMs = performance.now();
    await consume(queue, runs);
    return { tookMs: performance.now() - startMs, rssMb: rssMb() - beforeMb, connections: await connectionsOf(redisUrl) };
  } finally {
    await queue.stop(Deadline.in(5000));
  }
}

function runOf(n: number, organizations: number): EnqueuedRun {
  return { orgId: `org-${n % organizations}`, runId: `run_${n}`, memoryMb: 64, delayMs: 0, agent: 'noop' };
}

/** Takes and completes, with as many at once as there are slots, until all are complete. */
async function consume(queue: RunQueue, runs: number): Promise<void> {
  const all = new AbortController();
  let free = SLOTS;
  let left = runs;
  let freed = (): void => undefined;
  while (left > 0) {
    if (free === 0) await new Promise<void>((resolve) => { freed = resolve; });
    const taken = await queue.take(free, all.signal);
    free -= taken.length;
    for (const run of taken) {
      void queue.complete(run, USED).then(() => {
        free += 1;
        left -= 1;
        if (left === 0) all.abort();
        // Whatever else ended in the same turn is free then too.
        setImmediate(freed);
      });
    }
  }
}

async function drainSingleQueue(redisUrl: string, _: number, runs: number): Promise<Drain> {
  const beforeMb = rssMb();
  const connection = { url: redisUrl, maxRetriesPerRequest: null };
  const queue = new Queue('single', { connection });
  await fill(queue, runs);
  const ended = endOf(runs);
  const worker = new Worker('single', async () => undefined, { connection, concurrency: SLOTS, autorun: false, removeOnComplete: { count: 0 } });
  worker.on('completed', ended.one);
  await worker.waitUntilReady();
  const startMs = performance.now();
  void worker.run();
  await ended.all;
  const tookMs = performance.now() - startMs;
  const drained = { tookMs, rssMb: rssMb() - beforeMb, connections: await connectionsOf(redisUrl) };
  await worker.close();
  await queue.close();
  return drained;
}

async function drainPerOrganization(redisUrl: string, organizations: number, runs: number): Promise<Drain> {
  const beforeMb = rssMb();
  const connection = new Redis(redisUrl, { maxRetriesPerRequest: null });
  const names = Array.from({ length: organizations }, (_, i) => `org-${i}`);
  const root = createRedisBackend('fill', { connection });
  for (const name of names) {
    const queue = new Queue(name, { connection }, () => root.forQueue(name) as never) as Queue;
    await fill(queue, runs / organizations);
  }
  const ended = endOf(runs);
  const options = { connection, concurrency: 1, autorun: false, removeOnComplete: { count: 0 } };
  const workers: Worker[] = [];
  for (const name of names) {
    const worker = new Worker(name, async () => undefined, options);
    worker.on('completed', ended.one);
    worker.on('error', () => undefined);
    workers.push(worker);
    // Not all connections at once: the server's backlog is shorter.
    if (workers.length % 100 === 0) await Promise.all(workers.slice(-100).map((one) => one.waitUntilReady()));
  }
  await Promise.all(workers.map((worker) => worker.waitUntilReady()));
  const startMs = performance.now();
  for (const worker of workers) void worker.run();
  await ended.all;
  const tookMs = performance.now() - startMs;
  const drained = { tookMs, rssMb: rssMb() - beforeMb, connections: await connectionsOf(redisUrl) };
  for (let from = 0; from < workers.length; from += 500) await Promise.all(workers.slice(from, from + 500).map((worker) => worker.close(true)));
  await root.close();
  connection.disconnect();
  return drained;
}

async function fill(queue: Queue, runs: number): Promise<void> {
  for (let from = 0; from < runs; from += 1000) {
    await queue.addBulk(Array.from({ length: Math.min(1000, runs - from) }, (_, i) => ({ name: 'run', data: { n: from + i } })));
  }
}

function endOf(runs: number): { one(): void; all: Promise<void> } {
  const { promise: all, resolve } = Promise.withResolvers<void>();
  let left = runs;
  return {
    all,
    one() {
      left -= 1;
      if (left === 0) resolve();
    },
  };
}
