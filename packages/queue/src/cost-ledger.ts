import type { Clock } from '@bullpen/core';

import { CostAverages, costSecondsOf, heldCostSeconds, type RunUse } from './run-cost.ts';
import { leaseIdOf, type TakenRun } from './taken-run.ts';

interface Entry {
  readonly taken: TakenRun;
  readonly takenAtMs: number;
  chargedSeconds: number;
  readonly leadSeconds: number;
}

/**
 * What each run that this process holds has been charged so far. A run is charged an estimate when it is taken, the
 * memory it holds as it goes once that exceeds the estimate, and the rest, which may be negative, when it ends: in sum
 * what it used. It only computes; who calls it brings the charges to the ready set.
 */
export class CostLedger {
  readonly #clock: Clock;
  readonly #averages = new CostAverages();
  readonly #entries = new Map<string, Entry>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  estimateSeconds(orgId: string, agent?: string): number {
    return this.#averages.estimateSeconds(orgId, agent);
  }

  /** @param leadSeconds - what the organization may use after this run before it is somebody else's turn */
  open(taken: TakenRun, chargedSeconds: number, leadSeconds = 0): void {
    this.#entries.set(leaseIdOf(taken), { taken, takenAtMs: this.#clock.monotonicMs(), chargedSeconds, leadSeconds });
  }

  /** What is left of the run's lead after another one like it; negative where there is no room for one. */
  leadAfterNext(taken: TakenRun, use?: RunUse): number {
    const entry = this.#entries.get(leaseIdOf(taken));
    return entry === undefined ? -1 : entry.leadSeconds - (use ? costSecondsOf(use) : this.estimateSeconds(taken.orgId, taken.agent));
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

  /** The run ended. @param use - where it was not measured, what was charged stands. @returns what is still owed */
  close(taken: TakenRun, use?: RunUse): number {
    const chargedSeconds = this.#remove(taken);
    if (!use) return 0;
    const costSeconds = costSecondsOf(use);
    this.#averages.learn(taken.orgId, taken.agent, costSeconds);
    return costSeconds - (chargedSeconds ?? costSeconds);
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
