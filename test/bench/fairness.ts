import { jainIndex, simulate, worstShareError } from '@bullpen/queue';

import type { BenchContext, BenchOutcome, BenchResult } from './bench.ts';
import { openFifo } from './fairness/fifo.ts';
import { openOurs } from './fairness/ours.ts';
import { openRoundRobin } from './fairness/round-robin.ts';
import { SlotMeter, type OpenScheduler, type Scheduler } from './fairness/scheduler.ts';
import { capped, flood, lightOrganizations, lightRun, mixedLengths, weighted, type Backlog } from './fairness/workloads.ts';
import { collectGarbage, emptyRedis, shortenRedisFile } from './quiet-start.ts';
import { median, quantile } from './statistics.ts';

/**
 * Who gets the slots? Three schedulers in turns on one Redis, with runs that are timers: ours (virtual time over
 * resource-seconds), first come first served over one stock queue, and a stock queue per organization asked in turn. The
 * slots keep the books, so all three are measured alike.
 *
 * Everything is scaled down in time so that it ends in about three minutes: runs of 5 to 500 ms stand for runs of
 * seconds to minutes; a light organization sends one run every 50 ms beside a flood of runs of 50 ms, which is one a
 * second beside runs of a second. There are some of them, so that a p99 is not the longest of a few waits. Shares are taken over
 * one window, which grows with the rounds asked for, since they even out over time; waits are the median of the rounds' p99.
 *
 * Parts: mixed, flood, weights, capped, million.
 */
const SLOTS = 16;
const SCHEDULERS: readonly (readonly [name: string, open: OpenScheduler])[] = [['ours', openOurs], ['fifo', openFifo], ['round_robin', openRoundRobin]];

const FLOOD_RUNS = 100_000;
const FLOOD_RUN_MS = 50;
/** Together one run every 10 ms; each of them one every 50. */
const LIGHT = lightOrganizations(5);
const LIGHT_EVERY_MS = 50;
const LIGHT_RUN_MS = 5;
/** Not measured: until the slots are full and the first estimates are in. */
const SETTLING_MS = 1000;

type Measure = (context: BenchContext, open: OpenScheduler) => Promise<Record<string, number>>;

export default async function fairness(context: BenchContext): Promise<BenchOutcome> {
  const measures: Readonly<Record<string, Measure>> = { mixed, flood: flooded, weights, capped: cappedNextToFree };
  const unknown = context.parts.filter((part) => part !== 'million' && !Object.hasOwn(measures, part));
  if (unknown.length > 0) throw new Error(`there is no part ${unknown.join(', ')}; there are: ${Object.keys(measures).join(', ')}, million`);
  const isAsked = (part: string): boolean => context.parts.length === 0 || context.parts.includes(part);
  const results: BenchResult[] = [];
  for (const [part, measure] of Object.entries(measures)) if (isAsked(part)) results.push(...(await comparison(context, measure)));
  if (isAsked('million')) results.push(...(await simulatedMillion(context)));
  return { results };
}

/** The same of every scheduler. */
async function comparison(context: BenchContext, measure: Measure): Promise<BenchResult[]> {
  const figures = new Map<string, Map<string, number>>();
  for (const [name, open] of SCHEDULERS) {
    for (const [metric, value] of Object.entries(await measure(context, open))) {
      context.log(`${metric}: ${name} ${value.toPrecision(3)}`);
      figures.set(metric, (figures.get(metric) ?? new Map<string, number>()).set(name, value));
    }
    await emptyRedis(context.services.redisUrl);
  }
  return [...figures].flatMap(([metric, by]) => rowsOf(metric, by));
}

/** The same scheduling code in virtual time: a million organizations with one run each, and one of them with ten thousand. */
async function simulatedMillion({ log }: BenchContext): Promise<BenchResult[]> {
  const shape = () => ({ lengthMs: 1000, memoryMb: 64 });
  const organizations = Array.from({ length: 1_000_000 }, (_, i) => ({ id: `org-${i}`, arrivals: [{ kind: 'burst' as const, atMs: 0, runs: i === 0 ? 10_000 : 1 }], shape }));
  const startMs = performance.now();
  const result = await simulate({ organizations, workers: 100, slotsPerWorker: 100, seed: 1, untilMs: 99_500 });
  const seconds = (performance.now() - startMs) / 1000;
  log(`a million organizations: ${result.started} runs simulated in ${seconds.toFixed(0)} s`);
  return [
    { metric: 'million.simulated_runs_per_s', value: result.started / seconds, unit: '1/s' },
    { metric: 'million.served_twice_before_all', value: result.organizations.filter((share) => share.started > 1).length, unit: 'ratio' },
    { metric: 'million.wasted_share', value: result.wastedSlotMs / result.slotMs, unit: 'ratio' },
    { metric: 'million.rss_mb', value: process.memoryUsage.rss() / 2 ** 20, unit: 'MB' },
  ];
}

/** Ours beside first come first served, and a row of its own for the round robin. */
function rowsOf(metric: string, by: ReadonlyMap<string, number>): BenchResult[] {
  const unit = metric.endsWith('_ms') ? 'ms' : 'ratio';
  return [
    { metric, value: by.get('ours')!, unit, against: by.get('fifo')! },
    { metric: `${metric}_round_robin`, value: by.get('round_robin')!, unit },
  ];
}

const mixed: Measure = async (context, open) => {
  const backlog = mixedLengths(20, { slots: SLOTS, shortestMs: 5, windowMs: windowMs(context, 2400) });
  const { meter, fromMs, untilMs } = await playBacklog(context, open, backlog, windowMs(context, 2000));
  return { 'mixed.jain': jainIndex(meter.resourceSeconds(backlog.orgIds, fromMs, untilMs)) };
};

const weights: Measure = async (context, open) => {
  const given = { one: 1, two: 2, four: 4 };
  const backlog = weighted(given, 50, { slots: SLOTS, windowMs: windowMs(context, 1900) });
  const { meter, fromMs, untilMs } = await playBacklog(context, open, backlog, windowMs(context, 1600));
  return { 'weights.max_error': worstShareError(meter.resourceSeconds(backlog.orgIds, fromMs, untilMs), Object.values(given)) };
};

const cappedNextToFree: Measure = async (context, open) => {
  const backlog = capped(2, 200, { slots: SLOTS, windowMs: windowMs(context, 1500) });
  const { meter, fromMs, untilMs } = await playBacklog(context, open, backlog, windowMs(context, 1200));
  return { 'capped.idle_share': meter.idleShare(fromMs, untilMs) };
};

/** The waits of light organizations, alone and beside a flood, on the same scheduler. */
const flooded: Measure = async (context, open) => {
  const orgIds = ['flood', ...LIGHT];
  const alone = await playLight(context, open, { orgIds, limits: {}, runs: [] }, windowMs(context, 4000));
  await emptyRedis(context.services.redisUrl);
  const beside = await playLight(context, open, { ...flood(FLOOD_RUNS, FLOOD_RUN_MS), orgIds }, windowMs(context, 4000));
  const aloneP99Ms = p99OfRounds(context, alone.meter.waitsMs(alone.untilMs));
  return {
    'flood.light_p99_ratio_alone': p99OfRounds(context, beside.meter.waitsForTurnMs(beside.untilMs)) / aloneP99Ms,
    'flood.light_p99_ms': p99OfRounds(context, beside.meter.waitsMs(beside.untilMs)),
    'flood.light_alone_p99_ms': aloneP99Ms,
  };
};

/** The waits in the order in which their runs were sent, cut into rounds. */
function p99OfRounds({ rounds }: BenchContext, waitsMs: readonly number[]): number {
  const each = Math.ceil(waitsMs.length / rounds);
  return median(Array.from({ length: rounds }, (_, i) => quantile(waitsMs.slice(i * each, (i + 1) * each), 0.99)));
}

interface Played {
  readonly meter: SlotMeter;
  readonly fromMs: number;
  readonly untilMs: number;
}

async function playBacklog(context: BenchContext, open: OpenScheduler, backlog: Backlog, forMs: number): Promise<Played> {
  return play(context, open, backlog, () => passed(forMs));
}

async function playLight(context: BenchContext, open: OpenScheduler, backlog: Backlog, forMs: number): Promise<Played> {
  return play(context, open, backlog, async (scheduler, meter) => {
    const startMs = performance.now();
    const sending: Promise<void>[] = [];
    const everyMs = LIGHT_EVERY_MS / LIGHT.length;
    for (let i = 0; i * everyMs < forMs; i += 1) {
      await passed(startMs + i * everyMs - performance.now());
      const run = lightRun(LIGHT, i, LIGHT_RUN_MS);
      sending.push(meter.send(run, () => scheduler.enqueue([run])));
    }
    await Promise.all(sending);
    await passed(startMs + forMs - performance.now());
  });
}

async function play(context: BenchContext, open: OpenScheduler, backlog: Backlog, act: (scheduler: Scheduler, meter: SlotMeter) => Promise<void>): Promise<Played> {
  const meter = new SlotMeter(SLOTS);
  const scheduler = await open({ redisUrl: context.services.redisUrl, orgIds: backlog.orgIds, limits: backlog.limits, slots: meter });
  try {
    await scheduler.enqueue(backlog.runs);
    await shortenRedisFile(context.services.redisUrl);
    collectGarbage();
    await scheduler.start();
    await passed(SETTLING_MS);
    const fromMs = performance.now();
    await act(scheduler, meter);
    return { meter, fromMs, untilMs: performance.now() };
  } finally {
    await scheduler.stop();
  }
}

function windowMs({ rounds }: BenchContext, perRoundMs: number): number {
  return rounds * perRoundMs;
}

async function passed(ms: number): Promise<void> {
  if (ms > 0) await new Promise<void>((resolve) => { setTimeout(resolve, ms); });
}
