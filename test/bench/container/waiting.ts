import type { Tier } from '@bullpen/core';

import { agent, startRig } from '../../integration/runtime-rig.ts';

/** How many of so many agents of one organization, which all wait for something, are in their functions at the same time. */
export async function heldAtOnce(tier: Tier, count: number): Promise<number> {
  const memoryMb = 16;
  const rig = await startRig({ tiers: [tier], slots: count, poolMbOf: () => count * memoryMb });
  const waits = agent('await new Promise((done) => ctx.signal.addEventListener("abort", done)); return 1');
  const release = new AbortController();
  let inside = 0;
  let most = 0;
  const all = Promise.withResolvers<void>();
  const runs = Array.from({ length: count }, async () => {
    const answer = await rig.run(waits, {
      tier, memoryMb, timeoutMs: 120_000, interrupt: release,
      onStarted: () => {
        inside += 1;
        most = Math.max(most, inside);
        if (inside === count) all.resolve();
      },
    });
    inside -= 1;
    return answer;
  });
  await Promise.race([all.promise, ...runs, new Promise((done) => { setTimeout(done, 110_000); })]);
  const held = most;
  release.abort('cancelled');
  await Promise.all(runs);
  await rig.stop();
  return held;
}
