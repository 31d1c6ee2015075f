import { AVAILABLE_TIERS, type Tier } from '@bullpen/core';

import type { BenchContext, BenchOutcome, BenchResult } from './bench.ts';
import { bareBwrapStartMs, bareThreadStartMs, warmBareProcess, warmPiscina } from './container/bare.ts';
import { killMs } from './container/kills.ts';
import { largeBundlesMs } from './container/large-bundles.ts';
import { idleStrictCellMb, idleThreadMb } from './container/memory.ts';
import { overshootRatio } from './container/overshoot.ts';
import { firstCells, startMs, warmStartsMs } from './container/starts.ts';
import { heldAtOnce } from './container/waiting.ts';
import { median, quantile } from './statistics.ts';

/**
 * What does a container cost? In this process, on the runtime itself (no queue, no record):
 * - warm start: a run handed over to the first line of its agent's function, one at a time, by the clock that all
 *   processes of a machine share. Strict: bursts of six, for which blank cells are ready, then a pause in which new
 *   ones are started. Beside it: bare Piscina, and a bare forked process that waits for the path of a module on a pipe;
 * - cold start: the first run of an organization that has nothing, beside a bare thread (basic), a bare bubblewrapped
 *   Node (strict), or one with a bare thread in it (enhanced). A worker keeps a blank cell ready for it; `enhanced.cold_no_spare` is the
 *   same where others have taken all that were ready;
 * - code: a warm start in tier strict of a bundle of 1 MB, for which compiled code lies ready, beside one for which none does;
 * - crowd: organizations that have nothing, eight at once: how many of their cells are started in a second;
 * - kill: the deadline of a run to its outcome, which a tier gives when nothing of the run is left;
 * - overshoot: the largest memory that bombs reach, as /proc tells it to another thread, over their limit of 64 MB;
 * - memory of an idle container, and waiting agents of one organization at once.
 * Tiers that this version does not have are left out. `npm run bench -- container strict cold` measures two parts only.
 */
const PARTS: Readonly<Record<string, (context: BenchContext) => Promise<BenchResult[]>>> = {
  ...Object.fromEntries(AVAILABLE_TIERS.map((tier) => [tier, (context: BenchContext) => warmStarts(context, tier)])),
  code: compiledCode,
  cold: coldStarts,
  crowd,
  kill: kills,
  overshoot: overshoots,
  memory,
  waiting,
};

export default async function container(context: BenchContext): Promise<BenchOutcome> {
  const unknown = context.parts.filter((part) => PARTS[part] === undefined);
  if (unknown.length > 0) throw new Error(`there is no part ${unknown.join(', ')}; there are: ${Object.keys(PARTS).join(', ')}`);
  const results: BenchResult[] = [];
  for (const [name, measure] of Object.entries(PARTS)) {
    if (context.parts.length === 0 || context.parts.includes(name)) results.push(...await measure(context));
  }
  return { results };
}

const CROWD = 24;

async function crowd({ log }: BenchContext): Promise<BenchResult[]> {
  if (!AVAILABLE_TIERS.includes('enhanced')) return [];
  const { perSecond, mainThreadMs } = await firstCells(CROWD, 8);
  log(`first cells, 8 at once: ${perSecond.toFixed(1)}/s, ${mainThreadMs.toFixed(1)} ms of the main thread each`);
  return [
    { metric: 'enhanced.first_cells_per_s', value: perSecond, unit: '1/s' },
    { metric: 'enhanced.first_cell_main_thread_ms', value: mainThreadMs, unit: 'ms' },
  ];
}

async function compiledCode({ log }: BenchContext): Promise<BenchResult[]> {
  if (!AVAILABLE_TIERS.includes('strict')) return [];
  const { without, withCode } = await largeBundlesMs();
  const [value, against] = [median(withCode), median(without)];
  log(`a bundle of 1 MB, warm: ${value.toFixed(1)} ms with its compiled code, ${against.toFixed(1)} ms without`);
  return [{ metric: 'strict.large_bundle_ms', value, unit: 'ms', against, ratio: value / against }];
}

async function waiting(): Promise<BenchResult[]> {
  const held = await heldAtOnce(AVAILABLE_TIERS.includes('enhanced') ? 'enhanced' : 'basic', 200);
  return [{ metric: 'concurrent.waiting', value: held, unit: 'ratio' }];
}

async function warmStarts({ rounds, log }: BenchContext, tier: Tier): Promise<BenchResult[]> {
  const played: { ours: number[]; bare: number[] }[] = [];
  for (let round = 1; round <= rounds; round += 1) {
    const ours = await warmStartsMs(tier);
    const bare = tier === 'strict' ? await warmBareProcess(ours.length) : await warmPiscina(ours.length);
    played.push({ ours, bare });
    log(`${tier}, warm, round ${round}: p50 ${quantile(ours, 0.5).toFixed(3)} ms, p99 ${quantile(ours, 0.99).toFixed(3)} ms; bare p50 ${quantile(bare, 0.5).toFixed(3)} ms, p99 ${quantile(bare, 0.99).toFixed(3)} ms`);
  }
  return [0.5, 0.99].map((q) => ({
    metric: `${tier}.warm_p${q * 100}_ms`,
    value: median(played.map(({ ours }) => quantile(ours, q))),
    unit: 'ms',
    against: median(played.map(({ bare }) => quantile(bare, q))),
    ratio: median(played.map(({ ours, bare }) => quantile(ours, q) / quantile(bare, q))),
  }));
}

/** Each in turns with its yardstick. */
async function coldStarts(context: BenchContext): Promise<BenchResult[]> {
  const results = [await inTurns(context, 'basic.cold', () => startMs('basic'), bareThreadStartMs)];
  if (AVAILABLE_TIERS.includes('strict')) results.push(await inTurns(context, 'strict.cold', () => startMs('strict'), bareBwrapStartMs));
  if (!AVAILABLE_TIERS.includes('enhanced')) return results;
  const enhanced = await inTurns(context, 'enhanced.cold', () => startMs('enhanced'), async () => await bareBwrapStartMs() + await bareThreadStartMs());
  const noSpare = await inTurns(context, 'enhanced.cold_no_spare', () => startMs('enhanced', false), async () => await bareBwrapStartMs() + await bareThreadStartMs());
  return [...results, enhanced, noSpare, { metric: 'enhanced.cold_ratio', value: enhanced.ratio ?? Number.NaN, unit: 'ratio' }];
}

const STARTS_PER_ROUND = 8;

async function inTurns({ rounds, log }: BenchContext, name: string, ours: () => Promise<number>, bare: () => Promise<number>): Promise<BenchResult> {
  const pairs: { ours: number; bare: number }[] = [];
  for (let i = 0; i < rounds * STARTS_PER_ROUND; i += 1) pairs.push({ ours: await ours(), bare: await bare() });
  const value = median(pairs.map((pair) => pair.ours));
  const against = median(pairs.map((pair) => pair.bare));
  log(`${name}: ${value.toFixed(1)} ms, bare ${against.toFixed(1)} ms`);
  return { metric: `${name}_ms`, value, unit: 'ms', against, ratio: value / against };
}

async function kills({ rounds, log }: BenchContext): Promise<BenchResult[]> {
  const results: BenchResult[] = [];
  const walled = AVAILABLE_TIERS.filter((tier) => tier !== 'basic');
  for (const [name, tiers] of [['loop', AVAILABLE_TIERS], ['native', walled]] as const) {
    const worst: number[] = [];
    for (const tier of tiers) {
      const tookMs = await killMs(tier, name, 20 * rounds);
      worst.push(quantile(tookMs, 0.99));
      log(`kill, ${name}, ${tier}: p50 ${quantile(tookMs, 0.5).toFixed(1)} ms, p99 ${quantile(tookMs, 0.99).toFixed(1)} ms`);
    }
    results.push({ metric: `kill.${name}_p99_ms`, value: Math.max(...worst), unit: 'ms' });
  }
  return results;
}

async function overshoots({ rounds, log }: BenchContext): Promise<BenchResult[]> {
  const ratios: number[] = [];
  for (const tier of AVAILABLE_TIERS.filter((one) => one !== 'basic')) {
    for (const bomb of ['23-buffers', '23-one-buffer', '24-shared-memory', '24-webassembly', '24-resizable']) {
      for (let round = 0; round < rounds; round += 1) ratios.push(await overshootRatio(tier, bomb));
      log(`overshoot, ${tier}, ${bomb}: ${ratios.slice(-rounds).map((ratio) => ratio.toFixed(2)).join(', ')} of the limit`);
    }
  }
  return [{ metric: 'overshoot.max_ratio', value: Math.max(...ratios), unit: 'ratio' }];
}

async function memory({ rounds, log }: BenchContext): Promise<BenchResult[]> {
  const threads: { ours: number; bare: number }[] = [];
  for (let round = 0; round < rounds; round += 1) threads.push(await idleThreadMb());
  const results: BenchResult[] = [{
    metric: 'thread.idle_mb', value: median(threads.map(({ ours }) => ours)), unit: 'MB',
    against: median(threads.map(({ bare }) => bare)), ratio: median(threads.map(({ ours, bare }) => ours / bare)),
  }];
  if (AVAILABLE_TIERS.includes('strict')) results.push({ metric: 'strict.idle_mb', value: await idleStrictCellMb(), unit: 'MB' });
  log(`idle: ${results.map(({ metric, value }) => `${metric} ${value.toFixed(1)}`).join(', ')}`);
  return results;
}
