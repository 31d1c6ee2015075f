import { TIERS, type Clock, type IsolationReport } from '@bullpen/core';

import { probeIsolation } from './isolation-probe.ts';
import { Launcher } from './launcher.ts';

/** What this machine can enforce, found out by trying, for whoever only wants to know. Leaves nothing behind. */
export async function reportIsolation(clock: Clock): Promise<IsolationReport> {
  const launcher = new Launcher();
  try {
    const { report, strict, enhanced } = await probeIsolation({ launcher, clock, wanted: TIERS, namespaces: true, egressDir: null });
    strict?.remove();
    enhanced?.remove();
    return report;
  } finally {
    await launcher.stop();
  }
}
