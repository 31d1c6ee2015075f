import { mkdtemp, rm } from 'node:fs/promises';
import { freemem, tmpdir } from 'node:os';
import { join } from 'node:path';

import { AVAILABLE_TIERS, type Tier } from '@bullpen/core';

import type { BenchContext, BenchOutcome, BenchResult } from './bench.ts';
import { emptyRedis } from './quiet-start.ts';
import { median } from './statistics.ts';
import { Line } from './throughput/line.ts';
import { startOurs } from './throughput/ours.ts';
import { stockPerSecond } from './throughput/stock.ts';
import { prepareTenants, writeRows } from './throughput/tenants.ts';

/**
 * How many trivial runs a second does one worker pass through queue, container and record? Beside it, on the same Redis: stock
 * BullMQ's sandboxed processors, in threads and in processes, with as many at once, which have one queue, no organizations,
 * no limits and no record. Two loads, both sides in the same form:
 * - warm: 1,000 organizations, or as many as half of the free memory has room for, each with a warm container in a cell of its own, and `BURST`
 *   runs each that come at once, so that nearly all of them have runs waiting all the time. What a side starts with its first jobs is there before the clock:
 *   each organization has had a round that does not count, and BullMQ's threads or processes as many jobs;
 * - cold: organizations that come with nothing, each with a burst of `BURST`, `COLD_ACTIVE` of them under way at any time. Each gets a cell,
 *   uses it for its burst, and makes room, as on a worker that has more organizations than memory.
 * Rows are written before the clock starts, as BullMQ's side has none; adding jobs counts on both sides, in the same portions. The log says
 * where our CPU time went. `npm run bench -- throughput warm 20` measures the first one of 20 organizations.
 */
const ORGANIZATIONS = { warm: 1000, cold: 100 };
const BURST = 10;
const COLD_ACTIVE = 32;
const SLOTS = 16;
/** Enhanced is what the target is of; a version without it measures the tier that is nearest. */
const TIER: Tier = AVAILABLE_TIERS.includes('enhanced') ? 'enhanced' : 'basic';
/** What a warm cell with one container takes of the machine. */
const CELL_MB = 27;
/** Fewer would be over before anything is measured: then there are more bursts. */
const LEAST_RUNS = 10_000;

type Part = keyof typeof ORGANIZATIONS;
interface Load {
  readonly dir: string;
  readonly organizations: number;
}
interface Measured {
  ours: number[];
  threads: number[];
  processes: number[];
}

export default async function throughput(context: BenchContext): Promise<BenchOutcome> {
  const scale = context.parts.map(Number).find(Number.isSafeInteger);
  const parts = context.parts.filter((part) => !/^\d+$/.test(part));
  const unknown = parts.filter((part) => !Object.hasOwn(ORGANIZATIONS, part));
  if (unknown.length > 0) throw new Error(`there is no part ${unknown.join(', ')}; there are: ${Object.keys(ORGANIZATIONS).join(', ')}, and a number of organizations`);
  const dir = await mkdtemp(join(tmpdir(), 'bullpen-bench-'));
  const isAsked = (part: Part) => parts.length === 0 || parts.includes(part);
  const haveRoom = Math.floor(freemem() / 2 / (CELL_MB * 2 ** 20));
  const loadOf = (part: Part): Load => ({ dir, organizations: scale ?? Math.min(ORGANIZATIONS[part], haveRoom) });
  try {
    return {
      results: [
        ...(isAsked('warm') ? [...resultsOf(TIER, await warm(context, loadOf('warm'))), { metric: `${TIER}.warm_organizations`, value: loadOf('warm').organizations, unit: 'ratio' }] : []),
        ...(isAsked('cold') ? resultsOf(`${TIER}.cold`, await cold(context, loadOf('cold'))) : []),
      ],
    };
  } finally {
    await rm(dir, { recursive: true, force: true });
  }
}

function resultsOf(name: string, { ours, threads, processes }: Measured): BenchResult[] {
  const ratioTo = (stock: readonly number[]) => median(ours) / median(stock);
  return [
    { metric: `${name}.runs_per_s`, value: median(ours), unit: '1/s', against: median(threads), ratio: ratioTo(threads) },
    { metric: `${name}.bullmq_processes_runs_per_s`, value: median(processes), unit: '1/s' },
    { metric: `${name}.ratio_bullmq_threads`, value: ratioTo(threads), unit: 'ratio' },
    { metric: `${name}.ratio_bullmq_processes`, value: ratioTo(processes), unit: 'ratio' },
  ];
}

/** BullMQ's rounds before and after ours, half and half: with 1,000 cells beside them they would measure something else. */
async function warm(context: BenchContext, { dir, organizations }: Load): Promise<Measured> {
  const repeats = Math.max(1, Math.ceil(LEAST_RUNS / (organizations * BURST)));
  const newLine = () => new Line({ bursts: organizations * repeats, each: BURST, atOnce: organizations });
  const measured: Measured = { ours: [], threads: [], processes: [] };
  const half = Math.ceil(context.rounds / 2);
  await stockRounds(context, { dir, newLine, rounds: half }, measured);
  await emptyRedis(context.services.redisUrl);
  const tenants = await prepareTenants(context, { count: organizations, prefix: 'warm', tier: TIER });
  const settings = { BULLPEN_SLOTS: String(SLOTS), BULLPEN_MAX_IDLE_CONTAINERS: String(2 * organizations + SLOTS), BULLPEN_CONTAINER_IDLE_MS: '600000' };
  const ours = await startOurs(context, { dir, prefix: 'bench-warm', settings });
  try {
    const first = new Line({ bursts: organizations, each: 1, atOnce: organizations });
    context.log(`a first run of each: ${Math.round(await ours.perSecond(await writeRows(context, tenants, 1), first))}/s`);
    for (let round = 0; round <= context.rounds; round += 1) {
      const rows = await writeRows(context, tenants, BURST, repeats);
      const perSecond = await ours.perSecond(rows, newLine());
      context.log(`${round === 0 ? 'warm-up' : `round ${round}`}: ours (${TIER}, ${ours.containers()} containers) ${Math.round(perSecond)}/s`);
      if (round > 0) measured.ours.push(perSecond);
    }
  } finally {
    await ours.stop();
  }
  await stockRounds(context, { dir, newLine, rounds: Math.max(1, context.rounds - half) }, measured);
  return measured;
}

async function stockRounds(context: BenchContext, { dir, newLine, rounds }: { dir: string; newLine: () => Line; rounds: number }, measured: Measured): Promise<void> {
  const options = { dir, newLine, concurrency: SLOTS, each: BURST, warmUp: LEAST_RUNS };
  for (let round = 0; round < rounds; round += 1) {
    const threads = await stockPerSecond(context, { ...options, useWorkerThreads: true });
    const processes = await stockPerSecond(context, { ...options, useWorkerThreads: false });
    context.log(`BullMQ threads ${Math.round(threads)}/s, processes ${Math.round(processes)}/s`);
    measured.threads.push(threads);
    measured.processes.push(processes);
  }
}

async function cold(context: BenchContext, { dir, organizations }: Load): Promise<Measured> {
  const newLine = () => new Line({ bursts: organizations, each: BURST, atOnce: COLD_ACTIVE });
  const measured: Measured = { ours: [], threads: [], processes: [] };
  for (let round = 0; round < context.rounds; round += 1) {
    await emptyRedis(context.services.redisUrl);
    const tenants = await prepareTenants(context, { count: organizations, prefix: `cold-${round}`, tier: TIER });
    const rows = await writeRows(context, tenants, BURST);
    const ours = await startOurs(context, { dir, prefix: `bench-cold-${round}`, settings: { BULLPEN_SLOTS: String(SLOTS) } });
    const perSecond = await ours.perSecond(rows, newLine()).finally(() => ours.stop());
    measured.ours.push(perSecond);
    context.log(`cold round ${round + 1}: ours (${TIER}) ${Math.round(perSecond)}/s, ${(perSecond / BURST).toFixed(1)} organizations/s`);
    await stockRounds(context, { dir, newLine, rounds: 1 }, measured);
  }
  return measured;
}
