import type { Tier } from '@bullpen/core';

import { agent, endingOf, startRig } from '../../integration/runtime-rig.ts';

const TIMEOUT_MS = 60;
const AGENTS = {
  loop: agent('while (true) {}'),
  native: agent('const { pbkdf2Sync } = await import("node:crypto"); pbkdf2Sync("password", "salt", 5e8, 64, "sha512");'),
};

/** From the deadline of a run to its outcome, ms: nothing of it is left then. Counted from when its thread began it, which may be heard later. */
export async function killMs(tier: Tier, kind: keyof typeof AGENTS, count: number): Promise<number[]> {
  const rig = await startRig({ tiers: [tier] });
  const tookMs: number[] = [];
  try {
    for (let i = -2; i < count; i += 1) {
      let startedAtMs = Number.NaN;
      const answer = await rig.run(AGENTS[kind], { tier, timeoutMs: TIMEOUT_MS, onStarted: (atMs) => { startedAtMs = atMs; } });
      const lateMs = Date.now() - startedAtMs - TIMEOUT_MS;
      if (endingOf(answer) !== 'timed_out/TIMED_OUT') throw new Error(`a run that had to time out came to ${JSON.stringify(answer.outcome)}`);
      if (i >= 0) tookMs.push(lateMs);
    }
    return tookMs;
  } finally {
    await rig.stop();
  }
}
