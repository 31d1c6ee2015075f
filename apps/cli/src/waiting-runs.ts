import { isTerminal, type RunState } from '@bullpen/core';
import type { BullpenClient } from '@bullpen/sdk';

import { pause } from './pause.ts';

const LOOK_EVERY_MS = 250;
const READ_AT_ONCE = 20;

/** The state of each run when all have ended, by id; looks again and again and says how many have. */
export async function awaitAll(client: BullpenClient, ids: readonly string[], signal: AbortSignal, progress: (ended: number) => void): Promise<Map<string, RunState>> {
  const ended = new Map<string, RunState>();
  let open = [...ids];
  for (;;) {
    for (let i = 0; i < open.length; i += READ_AT_ONCE) {
      const runs = await Promise.all(open.slice(i, i + READ_AT_ONCE).map((id) => client.runs.get(id, { signal })));
      for (const { id, state } of runs) if (isTerminal(state)) ended.set(id, state);
      progress(ended.size);
    }
    open = open.filter((id) => !ended.has(id));
    if (open.length === 0) return ended;
    await pause(LOOK_EVERY_MS, signal);
  }
}
