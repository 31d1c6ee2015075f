import type { Clock, IsolationReport } from '@bullpen/core';

import { probeIsolation } from './isolation-probe.ts';

/** What this machine can enforce, found out by trying, for whoever only wants to know. Leaves nothing behind. */
export async function reportIsolation(clock: Clock): Promise<IsolationReport> {
  const { report, wall } = await probeIsolation(clock, null);
  wall?.remove();
  return report;
}
