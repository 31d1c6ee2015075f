import { createHash } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { AVAILABLE_TIERS, Deadline, createRunSchema, planRun, silentLogger, systemClock, toEnqueuedRun, type AgentVersion, type Faults, type NewRun, type Tier } from '@bullpen/core';
import { createAgentVersion, createDatabase, createOrganization, createRunStore, type Database } from '@bullpen/db';
import { createWorker, loadConfig } from '@bullpen/worker';
import { Queue, Worker } from 'bullmq';

import type { BenchContext, BenchOutcome } from './bench.ts';
import { emptyRedis } from './quiet-start.ts';
import { median } from './statistics.ts';

/**
 * How many trivial runs of 1,000 organizations a second does one worker pass through queue, container and record? Beside
 * it, in turns and on the same Redis: stock BullMQ's sandboxed processors, in threads and in processes, with as many at once,
 * which have one queue, no organizations, no limits and no record.
 *
 * The load: an organization sends a burst of `BURST` runs and is followed by the next one; `ACTIVE` of them have runs
 * waiting at any time. It is the load that a worker meets which cannot hold 1,000 containers at once (they would take 11 GB):
 * each organization comes with nothing warm here, gets a container, uses it for its burst, and has to make room. An
 * organization runs one at a time (its limit), so the burst does not start a container for each of its runs. Rows are
 * written before the clock starts, as BullMQ's side has none; adding jobs counts on both sides, in the same portions.
 */
const ORGANIZATIONS = 1000;
const BURST = 10;
const ACTIVE = 32;
const SLOTS = 16;
const RUNS = ORGANIZATIONS * BURST;
/** Enhanced is what the target is of; a version without it measures the tier that is nearest. */
const TIER: Tier = AVAILABLE_TIERS.includes('enhanced') ? 'enhanced' : 'basic';
const BUNDLE = 'export default async (input) => input;\n';

export default async function throughput(context: BenchContext): Promise<BenchOutcome> {
  const dir = await mkdtemp(join(tmpdir(), 'bullpen-bench-'));
  const rounds: { ours: number; threads: number; processes: number }[] = [];
  try {
    const organizations = await prepareOrganizations(context);
    for (let round = 1; round <= context.rounds; round += 1) {
      const measured = {
        ours: await oursPerSecond(context, { dir, organizations, round }),
        threads: await stockPerSecond(context, { dir, useWorkerThreads: true }),
        processes: await stockPerSecond(context, { dir, useWorkerThreads: false }),
      };
      rounds.push(measured);
      context.log(`round ${round}: ours (${TIER}) ${Math.round(measured.ours)}/s, BullMQ threads ${Math.round(measured.threads)}/s, processes ${Math.round(measured.processes)}/s`);
    }
  } finally {
    await rm(dir, { recursive: true, force: true });
  }
  return { results: resultsOf(rounds) };
}

function resultsOf(rounds: readonly { ours: number; threads: number; processes: number }[]): BenchOutcome['results'] {
  const middle = (read: (round: { ours: number; threads: number; processes: number }) => number) => median(rounds.map(read));
  const ratio = middle(({ ours, threads }) => ours / threads);
  return [
    { metric: `${TIER}.runs_per_s`, value: middle(({ ours }) => ours), unit: '1/s', against: middle(({ threads }) => threads), ratio },
    { metric: 'bullmq_processes.runs_per_s', value: middle(({ processes }) => processes), unit: '1/s' },
    { metric: `${TIER}.ratio_bullmq_threads`, value: ratio, unit: 'ratio' },
    { metric: `${TIER}.ratio_bullmq_processes`, value: middle(({ ours, processes }) => ours / processes), unit: 'ratio' },
  ];
}

type Organization = Awaited<ReturnType<typeof createOrganization>>;
interface Tenant {
  readonly organization: Organization;
  readonly version: AgentVersion;
}

async function withDatabase<T>({ services }: BenchContext, act: (db: Database) => Promise<T>): Promise<T> {
  const db = createDatabase({ url: services.postgresUrl, log: silentLogger });
  await db.start();
  return act(db).finally(() => db.stop(Deadline.in(5000)));
}

function prepareOrganizations(context: BenchContext): Promise<Tenant[]> {
  const sha256 = createHash('sha256').update(BUNDLE).digest('hex');
  return withDatabase(context, async (db) => {
    const tenants: Tenant[] = [];
    for (let n = 0; n < ORGANIZATIONS; n += 1) {
      const organization = await createOrganization(db, { id: `org-${n}`, name: `org-${n}`, poolMb: 1024, maxMemoryMb: 256, minimumTier: 'basic' });
      const { version } = await createAgentVersion(db, organization.id, { agent: 'echo', manifest: { tier: TIER }, bundle: BUNDLE, sha256 });
      tenants.push({ organization, version });
    }
    return tenants;
  });
}

/** Rows of all runs, by organization; their jobs come later. */
function writeRows(context: BenchContext, tenants: readonly Tenant[]): Promise<NewRun[][]> {
  return withDatabase(context, async (db) => {
    const store = createRunStore({ db, clock: systemClock, log: silentLogger });
    await store.start();
    const request = createRunSchema.parse({ agent: 'echo', input: { n: 1 } });
    const bursts = tenants.map(({ organization, version }) => Array.from({ length: BURST }, () => planRun(request, version, organization, null)));
    for (let at = 0; at < bursts.length; at += 50) await Promise.all(bursts.slice(at, at + 50).flat().map((run) => store.insert(run)));
    await store.stop(Deadline.in(5000));
    return bursts;
  });
}

async function oursPerSecond(context: BenchContext, { dir, organizations, round }: { dir: string; organizations: readonly Tenant[]; round: number }): Promise<number> {
  await emptyRedis(context.services.redisUrl);
  const bursts = await writeRows(context, organizations);
  const line = new Line(bursts.length);
  const faults: Faults = { hit: (point) => { if (point === 'after-complete') line.completed(); } };
  const env = {
    DATABASE_URL: context.services.postgresUrl, QUEUE_URL: context.services.redisUrl, QUEUE_PREFIX: `bench-${round}`,
    BULLPEN_CACHE_DIR: join(dir, 'bundles'), BULLPEN_SLOTS: String(SLOTS), BULLPEN_RECONCILE_MS: '600000',
  };
  const worker = createWorker(loadConfig(env), { log: silentLogger, faults });
  await worker.start();
  for (const { organization } of organizations) await worker.queue.setLimits(organization.id, { maxConcurrency: 1 });
  const beganMs = performance.now();
  await line.run(async (n) => { await worker.queue.enqueue((bursts[n] ?? []).map((run) => toEnqueuedRun({ ...run, runId: run.id }))); });
  const tookMs = performance.now() - beganMs;
  await worker.stop(Deadline.in(10_000));
  return (RUNS / tookMs) * 1000;
}

async function stockPerSecond(context: BenchContext, { dir, useWorkerThreads }: { dir: string; useWorkerThreads: boolean }): Promise<number> {
  await emptyRedis(context.services.redisUrl);
  const processor = join(dir, 'processor.mjs');
  await writeFile(processor, 'export default async (job) => job.data;\n');
  const connection = { url: context.services.redisUrl, maxRetriesPerRequest: null };
  const queue = new Queue('stock', { connection, defaultJobOptions: { removeOnComplete: true } });
  const worker = new Worker('stock', processor, { connection, useWorkerThreads, concurrency: SLOTS });
  await worker.waitUntilReady();
  const line = new Line(ORGANIZATIONS);
  worker.on('completed', () => line.completed());
  const beganMs = performance.now();
  await line.run(async () => { await queue.addBulk(Array.from({ length: BURST }, () => ({ name: 'echo', data: { n: 1 } }))); });
  const tookMs = performance.now() - beganMs;
  await worker.close();
  await queue.close();
  return (RUNS / tookMs) * 1000;
}

/** Sends the next burst whenever as many runs as one has are done, so that `ACTIVE` bursts are under way; ends with the last run. */
class Line {
  readonly #bursts: number;
  readonly #over = Promise.withResolvers<void>();
  #send: (n: number) => Promise<void> = async () => undefined;
  #sent = 0;
  #done = 0;

  constructor(bursts: number) {
    this.#bursts = bursts;
  }

  async run(send: (n: number) => Promise<void>): Promise<void> {
    this.#send = send;
    for (let i = 0; i < ACTIVE; i += 1) this.#sendNext();
    await this.#over.promise;
  }

  completed(): void {
    this.#done += 1;
    if (this.#done === this.#bursts * BURST) this.#over.resolve();
    else if (this.#done % BURST === 0) this.#sendNext();
  }

  #sendNext(): void {
    if (this.#sent === this.#bursts) return;
    this.#sent += 1;
    this.#send(this.#sent - 1).catch((error: unknown) => this.#over.reject(error));
  }
}
