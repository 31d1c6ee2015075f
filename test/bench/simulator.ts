import { simulate, type Scenario } from '@bullpen/queue';

import type { BenchContext, BenchOutcome } from './bench.ts';

/**
 * Does dispatch stay fair with a million organizations, and what does it cost? The simulator drives production's own run taker
 * over a ready set in memory: a million organizations with two runs each, 1,024 slots, for as long as a tenth of them takes. No
 * organization may get its second run before every other has had its first, and no slot may idle.
 */
const ORGANIZATIONS = 1_000_000;
const WORKERS = 64;
const SLOTS_PER_WORKER = 16;
const RUN_MS = 500;
const ROUNDS_OF_SLOTS = 100;

export default async function simulator({ log }: BenchContext): Promise<BenchOutcome> {
  const scenario: Scenario = {
    workers: WORKERS,
    slotsPerWorker: SLOTS_PER_WORKER,
    seed: 1,
    untilMs: ROUNDS_OF_SLOTS * RUN_MS,
    organizations: Array.from({ length: ORGANIZATIONS }, (_, i) => ({
      id: `org-${i}`, arrivals: [{ kind: 'burst', atMs: 0, runs: 2 }], shape: () => ({ lengthMs: RUN_MS, memoryMb: 128 }),
    })),
  };
  log(`${ORGANIZATIONS} organizations, ${WORKERS * SLOTS_PER_WORKER} slots`);
  const startMs = performance.now();
  const result = await simulate(scenario);
  const tookMs = performance.now() - startMs;
  const most = result.organizations.reduce((max, { started }) => Math.max(max, started), 0);
  return {
    results: [
      { metric: 'organizations', value: ORGANIZATIONS, unit: 'ratio' },
      { metric: 'runs_started', value: result.started, unit: 'ratio' },
      { metric: 'most_starts_of_one', value: most, unit: 'ratio', against: 1, ratio: most },
      { metric: 'wasted_slot_share', value: result.wastedSlotMs / result.slotMs, unit: 'ratio' },
      { metric: 'took', value: tookMs, unit: 'ms' },
    ],
  };
}
