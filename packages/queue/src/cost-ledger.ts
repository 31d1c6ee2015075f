import type { Clock } from '@bullpen/core';

import type { RunEnd } from './dispatch.ts';
import { costSecondsOf, heldCostSeconds, type RunUse } from './run-cost.ts';
import { leaseIdOf, type TakenRun } from './taken-run.ts';

interface Entry {
  readonly taken: TakenRun;
  readonly takenAtMs: number;
  chargedSeconds: number;
}

/**
 * What each run that this process holds has been charged so far. A run is charged an estimate when it is taken, the
 * memory it holds as it goes once that exceeds the estimate, and the rest, which may be negative, when it ends: in sum
 * what it used. It only computes; who calls it brings the charges to the ready set.
 */
export class CostLedger {
  readonly #clock: Clock;
  readonly #entries = new Map<string, Entry>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  open(taken: TakenRun, chargedSeconds: number): void {
    this.#entries.set(leaseIdOf(taken), { taken, takenAtMs: this.#clock.monotonicMs(), chargedSeconds });
  }

  /** What organizations owe for runs that have outlasted what they were charged; charged from here on. */
  accrue(): { orgId: string; chargeSeconds: number }[] {
    const charges: { orgId: string; chargeSeconds: number }[] = [];
    const nowMs = this.#clock.monotonicMs();
    for (const entry of this.#entries.values()) {
      const heldSeconds = heldCostSeconds(entry.taken.memoryMb, nowMs - entry.takenAtMs);
      const chargeSeconds = heldSeconds - entry.chargedSeconds;
      if (chargeSeconds <= 0) continue;
      entry.chargedSeconds = heldSeconds;
      charges.push({ orgId: entry.taken.orgId, chargeSeconds });
    }
    return charges;
  }

  /** The run ended. @param use - where it was not measured, what was charged stands */
  close(taken: TakenRun, use?: RunUse): RunEnd {
    const chargedSeconds = this.#remove(taken);
    if (!use) return { taken, owedSeconds: 0, costSeconds: null };
    const costSeconds = costSecondsOf(use);
    return { taken, owedSeconds: costSeconds - (chargedSeconds ?? costSeconds), costSeconds };
  }

  /** The run goes back unexecuted. @returns what was charged for it, to be taken off again, plus what it used */
  cancel(taken: TakenRun, use?: RunUse): number {
    return (use ? costSecondsOf(use) : 0) - (this.#remove(taken) ?? 0);
  }

  #remove(taken: TakenRun): number | undefined {
    const entry = this.#entries.get(leaseIdOf(taken));
    this.#entries.delete(leaseIdOf(taken));
    return entry?.chargedSeconds;
  }
}
