import type { Tier } from '@bullpen/core';
import { expect } from '@jest/globals';

import { quantile } from '../bench/statistics.ts';
import { agent, valueOf, type Answer, type Rig } from '../integration/runtime-rig.ts';

/**
 * Runs of another organization beside a hostile one, on the same worker: each must be correct, and their median latency
 * within `FACTOR` of the median alone, measured just before. Noise: this machine has few cores, and who shares them
 * changes from one second to the next; so `NOISE_MS` are allowed on top, and a pair of medians that is beyond it is measured
 * again, both of it, up to `ROUNDS` times. A tier that lets a hostile run delay others is slow in every round.
 */
const FACTOR = 2;
const NOISE_MS = 30;
const ROUNDS = 4;
const ALONE = 3;
/** Canaries that must have been in flight with the hostile run. */
const BESIDE = 3;
const CANARY = agent('await new Promise((done) => setTimeout(done, 20)); return [input * 2, JSON.stringify({ a: [1] }), globalThis.poisoned ?? "clean"]');

export interface CanaryVerdict {
  readonly aloneMs: number;
  readonly besideMs: number;
  /** What the hostile runs came to. */
  readonly answers: readonly Answer[];
}

/** @throws where a canary was wrong, or late in every round. */
export async function besideCanaries(rig: Rig, tier: Tier, hostile: () => Promise<Answer>): Promise<CanaryVerdict> {
  const answers: Answer[] = [];
  for (let round = 1; ; round += 1) {
    const aloneMs = median(await alone(rig, tier));
    const besideMs = median(await beside(rig, tier, async () => void answers.push(await hostile())));
    if (besideMs <= FACTOR * aloneMs + NOISE_MS) return { aloneMs, besideMs, answers };
    if (round === ROUNDS) throw new Error(`canaries of another organization took ${besideMs.toFixed(1)} ms beside it and ${aloneMs.toFixed(1)} ms alone`);
  }
}

async function alone(rig: Rig, tier: Tier): Promise<number[]> {
  const tookMs: number[] = [];
  for (let i = 0; i < ALONE; i += 1) tookMs.push(await sing(rig, tier));
  return tookMs;
}

/** Canaries without a pause, and hostile runs each of which begins when a canary has begun. */
async function beside(rig: Rig, tier: Tier, hostile: () => Promise<void>): Promise<number[]> {
  const tookMs: number[] = [];
  while (tookMs.length < BESIDE) {
    const running = Promise.withResolvers<void>();
    let isOver = false;
    const singing = (async () => {
      for (let i = 0; !isOver || i < 1; i += 1) tookMs.push(await sing(rig, tier, running.resolve));
    })();
    try {
      await Promise.race([running.promise, singing]);
      await hostile();
    } finally {
      isOver = true;
      await singing;
    }
  }
  return tookMs;
}

async function sing(rig: Rig, tier: Tier, onStarted: () => void = () => undefined): Promise<number> {
  const beganMs = performance.now();
  const sung = await rig.run(CANARY, { orgId: 'canary', tier, input: 21, onStarted });
  const tookMs = performance.now() - beganMs;
  expect(valueOf(sung)).toEqual([42, '{"a":[1]}', 'clean']);
  return tookMs;
}

const median = (samples: readonly number[]): number => quantile(samples, 0.5);
