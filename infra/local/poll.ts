import { setTimeout as delay } from 'node:timers/promises';

import type { Deadline } from '@bullpen/core';

/**
 * Asks `probe` until it answers something other than null, or the deadline passes (then null). For what announces its
 * readiness to nobody: a port that begins to answer, a process of another parent that ends.
 */
export async function pollUntil<T>(probe: () => Promise<T | null>, by: Deadline, everyMs = 25): Promise<T | null> {
  for (;;) {
    const answer = await probe();
    if (answer !== null) return answer;
    if (by.remainingMs === 0) return null;
    await delay(Math.min(everyMs, by.remainingMs));
  }
}
