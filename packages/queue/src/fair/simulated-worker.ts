import { noFaults, silentLogger } from '@bullpen/core';

import { Adjuster } from '../adjuster.ts';
import { CostLedger } from '../cost-ledger.ts';
import type { TakeResult } from '../job-store.ts';
import { RunTaker, takenRun } from '../run-taker.ts';
import type { InnerOrder } from '../inner-order.ts';
import type { TakenRun } from '../taken-run.ts';
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
  readonly #taker: RunTaker;
  #free: number;
  #slotFreed: (() => void) | null = null;
  #leases = 0;
  #end: AbortSignal = new AbortController().signal;

  constructor(world: World, name: string, slots: number) {
    const { clock, jobs, readySet } = world;
    this.#world = world;
    this.#free = slots;
    this.#costs = new CostLedger(clock);
    this.#adjuster = new Adjuster({ readySet, clock, log: silentLogger });
    this.#taker = new RunTaker({
      readySet,
      jobs,
      costs: this.#costs,
      clock,
      log: silentLogger,
      faults: noFaults,
      newLeaseToken: () => `${name}:${(this.#leases += 1)}`,
      giveBack: (taken) => this.#giveBack(taken),
    });
  }

  /** Works until `signal` aborts; then takes nothing more. */
  async work(signal: AbortSignal): Promise<void> {
    this.#end = signal;
    this.#accrueLater();
    signal.addEventListener('abort', () => this.#slotFreed?.());
    while (!signal.aborted) {
      if (this.#free === 0) {
        await this.#nextFreeSlot();
        continue;
      }
      await this.#adjuster.flush();
      for (const taken of await this.#taker.take(this.#free, signal)) this.#start(taken);
    }
  }

  #start(taken: TakenRun): void {
    const { clock, jobs, ledger } = this.#world;
    const run = jobs.active(taken.runId);
    this.#free -= 1;
    ledger.start(run, clock.nowMs());
    clock.at(clock.nowMs() + run.shape.lengthMs, () => void this.#finish(taken));
  }

  /** As production does: where the organization may go on, its next run comes with the completion and keeps the slot. */
  async #finish(taken: TakenRun): Promise<void> {
    const { clock, jobs, ledger } = this.#world;
    const { orgId, runId, memoryMb, leaseToken } = taken;
    const run = jobs.active(runId);
    ledger.finish(run, clock.nowMs());
    const { lengthMs, cpuShare = 0 } = run.shape;
    const use = { gbSeconds: (memoryMb / 1024) * (lengthMs / 1000), cpuMs: cpuShare * lengthMs };
    const leadSeconds = this.#end.aborted ? -1 : this.#costs.leadAfterNext(taken, use);
    const { next } = leadSeconds < 0 ? await this.#complete(taken) : await jobs.completeAndTake(orgId, runId);
    if (next.kind === 'empty' && leadSeconds >= 0) this.#taker.noteEmpty(orgId);
    void this.#adjuster.add({ orgId, chargeSeconds: this.#costs.close(taken, use), freedMb: memoryMb, next: { kind: 'ended' } });
    this.#free += 1;
    if (next.kind === 'run') {
      const following = takenRun(orgId, next.job, leaseToken);
      this.#costs.open(following, 0, leadSeconds);
      this.#start(following);
    } else {
      this.#slotFreed?.();
    }
  }

  async #complete({ orgId, runId }: TakenRun): Promise<{ next: TakeResult }> {
    await this.#world.jobs.complete(orgId, runId);
    return { next: { kind: 'empty' } };
  }

  async #giveBack(taken: TakenRun): Promise<void> {
    await this.#world.jobs.giveBack(taken.orgId, taken.runId);
    const chargeSeconds = this.#costs.cancel(taken);
    await this.#adjuster.add({ orgId: taken.orgId, chargeSeconds, freedMb: taken.memoryMb, next: { kind: 'returned' } });
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
