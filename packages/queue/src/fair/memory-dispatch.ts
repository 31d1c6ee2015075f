import { noFaults, silentLogger } from '@bullpen/core';

import { ClaimingDispatch } from '../claiming-dispatch.ts';
import type { ChargedRun, Dispatch, RunGroup, TurnRequest, TurnResult } from '../dispatch.ts';
import { quantumRuns } from '../run-cost.ts';
import { MemoryJobs } from './memory-jobs.ts';
import { MemoryReadySet } from './memory-ready-set.ts';
import type { VirtualClock } from './virtual-clock.ts';

/**
 * Dispatch in memory, one organization after the other: what a turn of a worker must come to. The script on Redis, which takes many
 * at once, is held against it by `test/conformance/dispatch-model.test.ts`.
 */
export class MemoryDispatch implements Dispatch {
  readonly readySet: MemoryReadySet;
  readonly jobs: MemoryJobs;
  readonly #clock: VirtualClock;
  readonly #single: ClaimingDispatch;
  #leases = 0;

  constructor(clock: VirtualClock) {
    this.#clock = clock;
    this.readySet = new MemoryReadySet(clock);
    this.jobs = new MemoryJobs(clock);
    const { jobs, readySet } = this;
    this.#single = new ClaimingDispatch({ clock, jobs, readySet, log: silentLogger, faults: noFaults, newLeaseToken: () => `lease-${(this.#leases += 1)}`, oneByOne: (orgId, cost) => (readySet.isCounted(orgId) ? 1 : quantumRuns(cost)) });
  }

  async enqueue(groups: readonly RunGroup[]): Promise<void> {
    for (const { orgId, runs } of groups) {
      for (const { runId, memoryMb, agent } of runs) {
        const shape = { lengthMs: 0, memoryMb, ...(agent === undefined ? {} : { agent }) };
        this.jobs.push({ orgId, runId, shape, rank: {}, arrivedMs: this.#clock.nowMs(), startedMs: 0, windowEndMs: 0 });
      }
      await this.readySet.markReady([orgId]);
    }
  }

  async turn({ ends, max, full }: TurnRequest): Promise<TurnResult> {
    const { lost } = await this.#single.turn({ ends, max: 0, full });
    const runs: ChargedRun[] = [];
    let nextDueMs: number | null = null;
    // An organization that proves to have nothing leaves the line, so each look is either a run or one organization fewer.
    for (let hasMore = true; runs.length < max && hasMore;) {
      const one = await this.#single.turn({ ends: [], max: max - runs.length, full });
      runs.push(...one.runs);
      nextDueMs = one.nextDueMs;
      hasMore = one.runs.length > 0 || this.readySet.offered > 0;
    }
    return { lost, runs, nextDueMs };
  }

  wait(timeoutMs: number, signal: AbortSignal): Promise<void> {
    return this.readySet.wait(timeoutMs, signal);
  }
}
