import type { Tier } from '@bullpen/core';

import { agent, requestFor, sha256Of, startRig, type Rig } from '../../integration/runtime-rig.ts';
import { readyCells } from './memory.ts';

/** Starts by the clock of the machine (CLOCK_MONOTONIC), which an agent reads on its first line. */
const FIRST_LINE = agent('return process.hrtime.bigint().toString()');
const WARM_UP = 200;
const WARM_RUNS = 1000;
/** Strict: runs for which blank cells are ready; between the bursts new ones are started. */
const BURST = 6;
const BURSTS = 20;

/** From the hand-over to the first line of the agent, ms. */
async function firstLineMs(rig: Rig, tier: Tier, orgId = 'acme'): Promise<number> {
  rig.bundles.set(`${orgId}/${sha256Of(FIRST_LINE)}`, FIRST_LINE);
  const request = requestFor(FIRST_LINE, { tier, orgId });
  const admission = rig.manager.admit(orgId, request.memoryMb);
  if (admission === null) throw new Error('there was no room for a run');
  const beganNs = process.hrtime.bigint();
  const outcome = await rig.manager.execute(admission, request, { started: () => undefined, event: () => undefined }, new AbortController().signal);
  if (outcome.kind !== 'succeeded') throw new Error(`a run came to ${JSON.stringify(outcome)}`);
  return Number(BigInt(JSON.parse(outcome.resultJson) as string) - beganNs) / 1e6;
}

export async function warmStartsMs(tier: Tier): Promise<number[]> {
  const rig = await startRig({ tiers: [tier] });
  try {
    return tier === 'strict' ? await burstsMs(rig) : await steadyMs(rig, tier);
  } finally {
    await rig.stop();
  }
}

async function steadyMs(rig: Rig, tier: Tier): Promise<number[]> {
  for (let i = 0; i < WARM_UP; i += 1) await firstLineMs(rig, tier);
  const tookMs: number[] = [];
  for (let i = 0; i < WARM_RUNS; i += 1) tookMs.push(await firstLineMs(rig, tier));
  return tookMs;
}

/** The first bursts let the pool learn how many cells are wanted. */
async function burstsMs(rig: Rig): Promise<number[]> {
  const tookMs: number[] = [];
  for (let burst = -2; burst < BURSTS; burst += 1) {
    for (let i = 0; i < BURST; i += 1) {
      const took = await firstLineMs(rig, 'strict');
      if (burst >= 0) tookMs.push(took);
    }
    await readyCells(BURST);
  }
  return tookMs;
}

let organizations = 0;

/**
 * The first run of an organization that has nothing, ms; strict: one for which no blank cell is ready.
 * @param spares - false, of enhanced: another organization has just taken the blank cell that was ready
 */
export async function startMs(tier: Tier, spares = tier !== 'strict'): Promise<number> {
  const rig = await startRig({ tiers: [tier] });
  try {
    if (tier === 'basic') await firstLineMs(rig, tier, 'before'); // what is loaded once for a worker is no part of a start
    organizations += 1;
    if (!spares) await firstLineMs(rig, tier, 'before'); // takes the blank cell that is ready; the next one is started 10 ms later
    return await firstLineMs(rig, tier, `cold-${organizations}`);
  } finally {
    await rig.stop();
  }
}

/**
 * First runs of organizations that have nothing, so many at once: how many of their cells are started in a second, and how
 * much of the worker's main thread one takes, hand-over, run and all.
 */
export async function firstCells(count: number, atOnce: number): Promise<{ perSecond: number; mainThreadMs: number }> {
  const rig = await startRig({ tiers: ['enhanced'] });
  try {
    let left = count;
    const beganMs = performance.now();
    const before = process.threadCpuUsage();
    await Promise.all(Array.from({ length: atOnce }, async () => {
      while (left > 0) {
        left -= 1;
        await firstLineMs(rig, 'enhanced', `crowd-${left}`);
      }
    }));
    const { user, system } = process.threadCpuUsage(before);
    return { perSecond: (count * 1000) / (performance.now() - beganMs), mainThreadMs: (user + system) / 1000 / count };
  } finally {
    await rig.stop();
  }
}
