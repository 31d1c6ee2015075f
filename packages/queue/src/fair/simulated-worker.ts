import { noFaults, silentLogger } from '@bullpen/core';

import { Adjuster } from '../adjuster.ts';
import { ClaimingDispatch } from '../claiming-dispatch.ts';
import { CostLedger } from '../cost-ledger.ts';
import type { ChargedRun } from '../dispatch.ts';
import type { InnerOrder } from '../inner-order.ts';
import { RunTaker } from '../run-taker.ts';
import type { TakenRun } from '../taken-run.ts';
import { Turns } from '../turns.ts';
import type { Ledger } from './ledger.ts';
import type { MemoryJobs } from './memory-jobs.ts';
import type { MemoryReadySet } from './memory-ready-set.ts';
import type { VirtualClock } from './virtual-clock.ts';

/** How often a worker charges for runs that last; as in production, where it renews their leases then. */
const ACCRUE_EVERY_MS = 10_000;

/** What the workers of one simulation share. */
export interface World {
  readonly clock: VirtualClock;
  readonly readySet: MemoryReadySet;
  readonly jobs: MemoryJobs;
  readonly order: InnerOrder;
  readonly ledger: Ledger;
}

/**
 * A worker process with its slots: takes while it has free ones, as the worker app does, lets each run take its time,
 * and says what it used. Taking, estimating, charging and correcting are production's own.
 */
export class SimulatedWorker {
  readonly #world: World;
  readonly #costs: CostLedger;
  readonly #adjuster: Adjuster;
  readonly #turns: Turns;
  readonly #taker: RunTaker;
  #free: number;
  #slotFreed: (() => void) | null = null;
  #leases = 0;

  constructor(world: World, name: string, slots: number) {
    const { clock, jobs, readySet } = world;
    this.#world = world;
    this.#free = slots;
    this.#costs = new CostLedger(clock);
    this.#adjuster = new Adjuster({ readySet, clock, log: silentLogger });
    const bare = { clock, log: silentLogger, faults: noFaults };
    const dispatch = new ClaimingDispatch({ ...bare, readySet, jobs, newLeaseToken: () => `${name}:${(this.#leases += 1)}` });
    this.#turns = new Turns({ dispatch, clock });
    this.#taker = new RunTaker({ ...bare, dispatch, turns: this.#turns, giveBack: (runs) => this.#giveBack(runs) });
  }

  /** Works until `signal` aborts; then takes nothing more. */
  async work(signal: AbortSignal): Promise<void> {
    this.#accrueLater();
    signal.addEventListener('abort', () => this.#slotFreed?.());
    while (!signal.aborted) {
      if (this.#free === 0) {
        await this.#nextFreeSlot();
        continue;
      }
      await this.#adjuster.flush();
      for (const run of await this.#taker.take(this.#free, signal)) this.#start(run);
    }
  }

  #start({ taken, chargedSeconds }: ChargedRun): void {
    const { clock, jobs, ledger } = this.#world;
    const run = jobs.active(taken.runId);
    this.#costs.open(taken, chargedSeconds);
    this.#free -= 1;
    ledger.start(run, clock.nowMs());
    clock.at(clock.nowMs() + run.shape.lengthMs, () => this.#finish(taken));
  }

  #finish(taken: TakenRun): void {
    const { clock, jobs, ledger } = this.#world;
    const run = jobs.active(taken.runId);
    ledger.finish(run, clock.nowMs());
    const { lengthMs, cpuShare = 0 } = run.shape;
    const use = { gbSeconds: (taken.memoryMb / 1024) * (lengthMs / 1000), cpuMs: cpuShare * lengthMs };
    void this.#turns.end(this.#costs.close(taken, use));
    this.#free += 1;
    this.#slotFreed?.();
  }

  async #giveBack(runs: readonly ChargedRun[]): Promise<void> {
    for (const { taken: { orgId, runId, memoryMb }, chargedSeconds } of runs) {
      await this.#world.jobs.giveBack(orgId, runId);
      await this.#adjuster.add({ orgId, chargeSeconds: -chargedSeconds, freedMb: memoryMb, next: { kind: 'returned' } });
    }
  }

  #accrueLater(): void {
    const { clock } = this.#world;
    clock.at(clock.nowMs() + ACCRUE_EVERY_MS, () => {
      const charges = this.#costs.accrue().map((charge) => ({ ...charge, freedMb: 0, next: { kind: 'running' } as const }));
      void this.#adjuster.add(...charges);
      this.#accrueLater();
    });
  }

  async #nextFreeSlot(): Promise<void> {
    await new Promise<void>((resolve) => { this.#slotFreed = resolve; });
    this.#slotFreed = null;
  }
}
