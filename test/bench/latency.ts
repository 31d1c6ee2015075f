import { createHash } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { createApi, loadConfig as loadApiConfig } from '@bullpen/api';
import { Deadline, createRunSchema, silentLogger, type Faults } from '@bullpen/core';
import { createAgentVersion, createOrganization } from '@bullpen/db';
import { createWorker, loadConfig as loadWorkerConfig } from '@bullpen/worker';
import { Queue, Worker } from 'bullmq';

import type { BenchContext, BenchOutcome } from './bench.ts';
import { median, quantile } from './statistics.ts';

/**
 * How long from enqueueing a trivial run to its recorded result, one run at a time? Ours: row in Postgres, job in Redis,
 * claim, container, result committed in Postgres. Beside it: BullMQ's own sandboxed processor in a worker thread, from
 * `queue.add` to its `completed` event, which keeps no record, has no limits and no second tenant. Both in this process,
 * in turns; both ends are seen where they happen, in the worker.
 */
const RUNS_PER_ROUND = 300;
const WARM_UP = 1000;

export default async function latency(context: BenchContext): Promise<BenchOutcome> {
  const dir = await mkdtemp(join(tmpdir(), 'bullpen-bench-'));
  const ours = await startOurs(context, dir);
  const theirs = await startTheirs(context, dir);
  const rounds: { ours: number[]; theirs: number[] }[] = [];
  try {
    await measure(ours.once, WARM_UP);
    await measure(theirs.once, WARM_UP);
    for (let round = 0; round < context.rounds; round += 1) {
      rounds.push({ ours: await measure(ours.once, RUNS_PER_ROUND), theirs: await measure(theirs.once, RUNS_PER_ROUND) });
      context.log(`round ${round + 1}: ours p50 ${quantile(rounds.at(-1)?.ours ?? [], 0.5).toFixed(2)} ms, BullMQ threads p50 ${quantile(rounds.at(-1)?.theirs ?? [], 0.5).toFixed(2)} ms`);
    }
  } finally {
    await ours.stop();
    await theirs.stop();
    await rm(dir, { recursive: true, force: true });
  }
  const of = (side: 'ours' | 'theirs', q: number) => median(rounds.map((round) => quantile(round[side], q)));
  const p50 = of('ours', 0.5);
  const ratios = rounds.map((round) => quantile(round.ours, 0.5) / quantile(round.theirs, 0.5));
  return {
    results: [
      { metric: 'e2e.p50_ms', value: p50, unit: 'ms', against: of('theirs', 0.5), ratio: median(ratios) },
      { metric: 'e2e.p99_ms', value: of('ours', 0.99), unit: 'ms', against: of('theirs', 0.99) },
      { metric: 'e2e.p50_ratio_bullmq_threads', value: median(ratios), unit: 'ratio' },
    ],
  };
}

interface Side {
  /** One run, from enqueue to result. */
  once(): Promise<void>;
  stop(): Promise<void>;
}

async function measure(once: () => Promise<void>, count: number): Promise<number[]> {
  const tookMs: number[] = [];
  for (let i = 0; i < count; i += 1) {
    const startMs = performance.now();
    await once();
    tookMs.push(performance.now() - startMs);
  }
  return tookMs;
}

async function startOurs({ services }: BenchContext, dir: string): Promise<Side> {
  const env = { DATABASE_URL: services.postgresUrl, QUEUE_URL: services.redisUrl, QUEUE_PREFIX: 'bench', PORT: '0', BULLPEN_CACHE_DIR: dir };
  const recorded = new Turnstile();
  const faults: Faults = { hit: (point) => { if (point === 'after-record') recorded.pass(); } };
  const api = createApi(loadApiConfig(env), { log: silentLogger });
  const worker = createWorker(loadWorkerConfig(env), { log: silentLogger, faults });
  await api.start();
  await worker.start();
  await createOrganization(api.db, { id: 'bench', name: 'bench', poolMb: 1024, maxMemoryMb: 256, minimumTier: 'basic' });
  const bundle = 'export default async (input) => input;\n';
  await createAgentVersion(api.db, 'bench', { agent: 'echo', manifest: {}, bundle, sha256: createHash('sha256').update(bundle).digest('hex') });
  const request = createRunSchema.parse({ agent: 'echo', input: { n: 1 } });
  return {
    async once() {
      const passed = recorded.next();
      await api.runs.create('bench', request, null);
      await passed;
    },
    async stop() {
      for (const service of [worker, api]) await service.stop(Deadline.in(5000));
    },
  };
}

/** Lets one waiter through each time somebody passes. One run is under way at a time, so the next pass is its own. */
class Turnstile {
  #open: () => void = () => undefined;

  next(): Promise<void> {
    return new Promise((resolve) => { this.#open = resolve; });
  }

  pass(): void {
    this.#open();
  }
}

async function startTheirs({ services }: BenchContext, dir: string): Promise<Side> {
  const processor = join(dir, 'processor.mjs');
  await writeFile(processor, 'export default async (job) => job.data;\n');
  const connection = { url: services.redisUrl, maxRetriesPerRequest: null };
  const queue = new Queue('bench-stock', { connection, defaultJobOptions: { removeOnComplete: true } });
  const worker = new Worker('bench-stock', processor, { connection, useWorkerThreads: true, concurrency: 16 });
  await worker.waitUntilReady();
  const waiting = new Map<string, () => void>();
  const ended = new Set<string>();
  worker.on('completed', (job) => {
    const resolve = waiting.get(job.id ?? '');
    if (resolve === undefined) ended.add(job.id ?? '');
    else { waiting.delete(job.id ?? ''); resolve(); }
  });
  return {
    async once() {
      const { id = '' } = await queue.add('echo', { n: 1 });
      if (!ended.delete(id)) await new Promise<void>((resolve) => { waiting.set(id, resolve); });
    },
    async stop() {
      await worker.close();
      await queue.close();
    },
  };
}
