import { Deadline, silentLogger, type EnqueuedRun } from '@bullpen/core';
import { createRunQueue, type RunQueue } from '@bullpen/queue';
import { Queue, Worker, createRedisBackend } from 'bullmq';
import { Redis } from 'ioredis';

import type { BenchContext, BenchOutcome, BenchResult } from './bench.ts';
import { collectGarbage, emptyRedis } from './quiet-start.ts';
import { median } from './statistics.ts';

/**
 * How many runs a second does one process pass on, by the number of organizations that have some? The runs do nothing;
 * there are no containers and no rows. Ours: one queue per organization, 32 slots. Beside it, in the same process and on
 * the same Redis, in turns: stock BullMQ with one Worker per organization (concurrency 1, which is stock), and one stock
 * Worker with concurrency 32 on a single queue, which knows no organizations. All remove completed jobs.
 *
 * Arriving: the workers wait, the runs of all organizations are added in turns, as fast as they are worked off; the
 * clock runs from the first add to the last completion. This is what an installation of many organizations is like,
 * and what the ratios are of. It is the same load at every size: as many runs, as many waiting, and as many before the clock starts, so
 * that each organization has had some, on either side. Backlog: all runs are there before the workers start, and adding them is not
 * counted. There a Worker per organization has as many slots as there are organizations, and never waits.
 *
 * Scaling: ours at 1,000 and at 10,000 organizations, arriving, one right after the other and long enough for the sweep, which looks
 * at every organization each 5 s, to have its share: the ratio is the median of the rounds'.
 *
 * Parts: a number of organizations (arriving), `scaling`, `backlog`.
 */
const SIZES = [1, 100, 1000, 5000, 10_000] as const;
const BACKLOG_SIZES = [1, 1000, 10_000] as const;
/** Beyond it, one Worker per organization needs more connections and memory than the machine has. */
const MOST_WORKERS = 5000;
const SLOTS = 32;
/** Of runs that arrive, whatever the number of organizations: in all, before the clock starts, and waiting at most. */
const ARRIVING = 100_000;
const SCALING = 300_000;
const BEFORE = 20_000;
const WAITING = 40_000;
/** What a run that does nothing uses: 1 ms in 64 MB. */
const USED = { gbSeconds: 0.0001, cpuMs: 1 };
const THREAD_START_MS = 1000;

type Load = 'arriving' | 'backlog';

interface Reading {
  readonly runsPerSecond: number;
  readonly rssMb: number;
  readonly connections: number;
}

interface Round {
  readonly ours: Reading;
  readonly single: Reading;
  readonly perOrg: Reading | null;
}

type Part = (context: BenchContext) => Promise<BenchResult[]>;

const PARTS: Readonly<Record<string, Part>> = {
  ...Object.fromEntries(SIZES.map((organizations): [string, Part] => [String(organizations), (context) => comparison(context, { load: 'arriving', organizations })])),
  scaling,
  backlog,
};

export default async function dispatch(context: BenchContext): Promise<BenchOutcome> {
  const unknown = context.parts.filter((part) => !Object.hasOwn(PARTS, part));
  if (unknown.length > 0) throw new Error(`there is no part ${unknown.join(', ')}; there are: ${Object.keys(PARTS).join(', ')}`);
  const results: BenchResult[] = [];
  for (const [name, measurePart] of Object.entries(PARTS)) {
    if (context.parts.length === 0 || context.parts.includes(name)) results.push(...(await measurePart(context)));
  }
  return { results };
}

/** Ours and both yardsticks, in turns. */
async function comparison(context: BenchContext, { load, organizations }: { load: Load; organizations: number }): Promise<BenchResult[]> {
  const rounds: Round[] = [];
  for (let round = 1; round <= context.rounds; round += 1) rounds.push(await playRound(context, { load, organizations, round }));
  return resultsOf(`${load === 'backlog' ? 'backlog.' : ''}orgs${organizations}`, rounds);
}

async function backlog(context: BenchContext): Promise<BenchResult[]> {
  const results: BenchResult[] = [];
  for (const organizations of BACKLOG_SIZES) results.push(...(await comparison(context, { load: 'backlog', organizations })));
  const rateAt = (organizations: number) => results.find(({ metric }) => metric === `backlog.orgs${organizations}.runs_per_s`)!.value;
  return [...results, { metric: 'backlog.orgs10000.ratio_orgs1000', value: rateAt(10_000) / rateAt(1000), unit: 'ratio' }];
}

async function scaling(context: BenchContext): Promise<BenchResult[]> {
  const ratios: number[] = [];
  // A ratio of two rates that the same machine changes by a tenth from one minute to the next: more rounds than elsewhere.
  for (let round = 1; round < 2 * context.rounds; round += 1) {
    // In turns first: what a machine does meanwhile is not always for one of them.
    const order = round % 2 === 1 ? [1000, 10_000] : [10_000, 1000];
    const rates = new Map<number, number>();
    for (const organizations of order) rates.set(organizations, (await measure(context, { load: 'arriving', organizations, runs: SCALING, drain: drainOurs })).runsPerSecond);
    ratios.push(rates.get(10_000)! / rates.get(1000)!);
    context.log(`scaling, round ${round}: ${order.map((organizations) => `${Math.round(rates.get(organizations)!)}/s at ${organizations}`).join(', ')}: ${ratios.at(-1)!.toFixed(3)}`);
  }
  return [{ metric: 'orgs10000.ratio_orgs1000', value: median(ratios), unit: 'ratio' }];
}

async function playRound(context: BenchContext, { load, organizations, round }: { load: Load; organizations: number; round: number }): Promise<Round> {
  const size = { load, organizations, runs: runsFor(load, organizations) };
  const ours = await measure(context, { ...size, drain: drainOurs });
  const single = await measure(context, { ...size, drain: drainSingleQueue });
  const perOrg = organizations <= MOST_WORKERS ? await measure(context, { ...size, drain: drainPerOrganization }) : null;
  context.log(`${load}, ${organizations} organizations, round ${round}: ours ${tell(ours)}; one queue ${tell(single)}; a Worker each ${perOrg ? tell(perOrg) : '-'}`);
  return { ours, single, perOrg };
}

function resultsOf(name: string, rounds: readonly Round[]): BenchResult[] {
  const middle = (read: (round: Round) => number) => median(rounds.map(read));
  // A process hardly gives memory back, so that it grows in the first of them only.
  const most = (read: (round: Round) => number) => Math.max(...rounds.map(read));
  const single = middle((round) => round.ours.runsPerSecond / round.single.runsPerSecond);
  const results: BenchResult[] = [
    { metric: `${name}.runs_per_s`, value: middle(({ ours }) => ours.runsPerSecond), unit: '1/s', against: middle((round) => round.single.runsPerSecond), ratio: single },
    { metric: `${name}.ratio_single_queue`, value: single, unit: 'ratio' },
    { metric: `${name}.connections`, value: most(({ ours }) => ours.connections), unit: 'ratio' },
    { metric: `${name}.rss_mb`, value: most(({ ours }) => ours.rssMb), unit: 'MB' },
  ];
  if (rounds.some(({ perOrg }) => perOrg === null)) return results;
  const perOrg = middle((round) => round.ours.runsPerSecond / round.perOrg!.runsPerSecond);
  return [
    ...results,
    { metric: `${name}.per_org_workers_runs_per_s`, value: middle((round) => round.perOrg!.runsPerSecond), unit: '1/s' },
    { metric: `${name}.ratio_per_org_workers`, value: perOrg, unit: 'ratio' },
    { metric: `${name}.per_org_workers_rss_mb`, value: most((round) => round.perOrg!.rssMb), unit: 'MB' },
  ];
}

function tell({ runsPerSecond, rssMb, connections }: Reading): string {
  return `${Math.round(runsPerSecond)}/s, ${connections} connections, ${Math.round(rssMb)} MB`;
}

/** A backlog's: enough to last about a second, and from 1,000 organizations on as many for each, so that those sizes compare. */
function runsFor(load: Load, organizations: number): number {
  return load === 'arriving' ? ARRIVING : Math.max(20_000, organizations * 20);
}

interface Drain {
  /** From the first take to the last completion, ms. */
  tookMs: number;
  rssMb: number;
  connections: number;
}

interface DrainOptions {
  redisUrl: string;
  load: Load;
  organizations: number;
  runs: number;
}

interface MeasureOptions {
  load: Load;
  organizations: number;
  runs: number;
  drain: (options: DrainOptions) => Promise<Drain>;
}

async function measure({ services }: BenchContext, { load, organizations, runs, drain }: MeasureOptions): Promise<Reading> {
  const { redisUrl } = services;
  await emptyRedis(redisUrl);
  collectGarbage();
  const { tookMs, rssMb, connections } = await drain({ redisUrl, load, organizations, runs });
  return { runsPerSecond: (runs / tookMs) * 1000, rssMb, connections };
}

/** One of those that are compared. */
interface Side {
  add(slice: readonly number[]): Promise<void>;
  /** Works until all of the tally's are over. */
  work(tally: Tally): Promise<void>;
}

/** From when to when: adding counts where the runs arrive while the workers are up. */
async function timed(side: Side, { load, runs }: DrainOptions): Promise<number> {
  if (load === 'arriving') await pass(side, BEFORE);
  const tally = new Tally(runs, load === 'backlog' ? Infinity : WAITING);
  if (load === 'backlog') await fill(side, tally, runs);
  const startMs = performance.now();
  await Promise.all([side.work(tally), load === 'arriving' ? fill(side, tally, runs) : undefined]);
  return performance.now() - startMs;
}

/** Runs before those that count. */
async function pass(side: Side, runs: number): Promise<void> {
  const tally = new Tally(runs, WAITING);
  await Promise.all([side.work(tally), fill(side, tally, runs)]);
}

async function fill(side: Side, tally: Tally, runs: number): Promise<void> {
  for (const slice of slices(runs)) {
    await tally.adding(slice.length);
    await side.add(slice);
  }
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


async function drainOurs(options: DrainOptions): Promise<Drain> {
  const { redisUrl, organizations } = options;
  const queue = createRunQueue({ url: redisUrl, prefix: 'bench', log: silentLogger, consumer: { name: 'bench' } });
  const beforeMb = rssMb();
  await queue.start();
  await warmUp(queue);
  const side: Side = {
    add: (slice) => queue.enqueue(slice.map((n) => runOf(n, organizations))),
    work: (tally) => consume(queue, tally),
  };
  try {
    const tookMs = await timed(side, options);
    return { tookMs, rssMb: rssMb() - beforeMb, connections: await connectionsOf(redisUrl) };
  } finally {
    await queue.stop(Deadline.in(5000));
  }
}

/** A worker's first run starts the thread that renews its leases, once in its life. */
async function warmUp(queue: RunQueue): Promise<void> {
  await queue.enqueue([{ orgId: 'warm-up', runId: 'run_first', memoryMb: 64, delayMs: 0 }]);
  const [first] = await queue.take(1, AbortSignal.timeout(5000));
  await queue.complete(first!, USED);
  await new Promise<void>((resolve) => { setTimeout(resolve, THREAD_START_MS); });
}

/** 0, 1, 2, ... in slices of 1,000. */
function slices(count: number): number[][] {
  return Array.from({ length: Math.ceil(count / 1000) }, (_, i) => Array.from({ length: Math.min(1000, count - i * 1000) }, (__, j) => i * 1000 + j));
}

function runOf(n: number, organizations: number): EnqueuedRun {
  return { orgId: `org-${n % organizations}`, runId: `run_${n}`, memoryMb: 64, delayMs: 0, agent: 'noop' };
}

/**
 * Takes and completes, with SLOTS runs at once in all, until all are complete. As a worker does, two takers keep the server busy
 * while the process is; and a run's slot is free when its end is on its way, as it is while a worker records a result.
 */
async function consume(queue: RunQueue, tally: Tally): Promise<void> {
  const all = new AbortController();
  void tally.all.then(() => all.abort());
  const takers = Array.from({ length: 2 }, async () => {
    // Those of one take may be on their way while the next ones are asked for, in the same round trip.
    let ending = 0;
    let ended = (): void => undefined;
    while (tally.left > 0) {
      if (ending > SLOTS / 2) await new Promise<void>((resolve) => { ended = resolve; });
      for (const run of await queue.take(SLOTS / 2, all.signal)) {
        ending += 1;
        void queue.complete(run, USED).then(() => {
          ending -= 1;
          tally.one();
          ended();
        });
      }
    }
  });
  await Promise.all(takers);
}

async function drainSingleQueue(options: DrainOptions): Promise<Drain> {
  const { redisUrl } = options;
  const beforeMb = rssMb();
  const connection = { url: redisUrl, maxRetriesPerRequest: null };
  const queue = new Queue('single', { connection });
  const worker = new Worker('single', async () => undefined, { connection, concurrency: SLOTS, autorun: false, removeOnComplete: { count: 0 } });
  const working = new StockWorking(() => void worker.run());
  worker.on('completed', () => working.one());
  await worker.waitUntilReady();
  const tookMs = await timed({
    add: async (slice) => { await queue.addBulk(slice.map((n) => ({ name: 'run', data: { n } }))); },
    work: (tally) => working.until(tally),
  }, options);
  const drained = { tookMs, rssMb: rssMb() - beforeMb, connections: await connectionsOf(redisUrl) };
  await worker.close();
  await queue.close();
  return drained;
}

async function drainPerOrganization(options: DrainOptions): Promise<Drain> {
  const { redisUrl, organizations } = options;
  const beforeMb = rssMb();
  const connection = new Redis(redisUrl, { maxRetriesPerRequest: null });
  const root = createRedisBackend('fill', { connection });
  const names = Array.from({ length: organizations }, (_, i) => `org-${i}`);
  const queues = names.map((name) => new Queue(name, { connection, skipMetasUpdate: true }, () => root.forQueue(name) as never) as Queue);
  const working = new StockWorking(() => { for (const worker of workers) void worker.run(); });
  const workers = await startWorkers(names, connection, () => working.one());
  const tookMs = await timed({
    // A slice goes out at once, as it does in ours.
    add: async (slice) => { await Promise.all(slice.map((n) => queues[n % organizations]!.add('run', { n }))); },
    work: (tally) => working.until(tally),
  }, options);
  const drained = { tookMs, rssMb: rssMb() - beforeMb, connections: await connectionsOf(redisUrl) };
  for (let from = 0; from < workers.length; from += 500) await Promise.all(workers.slice(from, from + 500).map((worker) => worker.close(true)));
  await root.close();
  connection.disconnect();
  return drained;
}

/** Stock workers run from their first tally on, and tell each completion. */
class StockWorking {
  readonly #run: () => void;
  #tally: Tally | null = null;

  constructor(run: () => void) {
    this.#run = run;
  }

  until(tally: Tally): Promise<void> {
    if (!this.#tally) this.#run();
    this.#tally = tally;
    return tally.all;
  }

  one(): void {
    this.#tally?.one();
  }
}

async function startWorkers(names: readonly string[], connection: Redis, onCompleted: () => void): Promise<Worker[]> {
  const options = { connection, concurrency: 1, autorun: false, removeOnComplete: { count: 0 } };
  const workers: Worker[] = [];
  for (const name of names) {
    const worker = new Worker(name, async () => undefined, options);
    worker.on('completed', onCompleted);
    worker.on('error', () => undefined);
    workers.push(worker);
    // Not all connections at once: the server's backlog is shorter.
    if (workers.length % 100 === 0) await Promise.all(workers.slice(-100).map((one) => one.waitUntilReady()));
  }
  await Promise.all(workers.map((worker) => worker.waitUntilReady()));
  return workers;
}

/** Of the runs of one measurement: how many are over, and how many wait. */
class Tally {
  readonly all: Promise<void>;
  readonly #done: () => void;
  readonly #mostWaiting: number;
  #left: number;
  #waiting = 0;
  #hasRoom: (() => void) | null = null;

  constructor(runs: number, mostWaiting: number) {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.all = promise;
    this.#done = resolve;
    this.#left = runs;
    this.#mostWaiting = mostWaiting;
  }

  get left(): number {
    return this.#left;
  }

  /** Before so many are added: until there is room for them. */
  async adding(runs: number): Promise<void> {
    while (this.#waiting + runs > this.#mostWaiting) await new Promise<void>((resolve) => { this.#hasRoom = resolve; });
    this.#waiting += runs;
  }

  /** One is over. */
  one(): void {
    this.#left -= 1;
    this.#waiting -= 1;
    this.#hasRoom?.();
    this.#hasRoom = null;
    if (this.#left === 0) this.#done();
  }
}
