import { messageOf, type Clock, type Faults, type Logger } from '@bullpen/core';

import { BurstLimits, planClaim } from './claim-plan.ts';
import { PASS_MS, type ChargedRun, type Dispatch, type RunEnd, type RunGroup, type TurnRequest, type TurnResult } from './dispatch.ts';
import type { JobStore } from './job-store.ts';
import type { Adjustment, Claim, ClaimNext, ClaimOutcome, ClaimingReadySet, ReadyOrganization } from './ready-set.ts';
import { CostAverages } from './run-cost.ts';
import type { TakenRun } from './taken-run.ts';

/** How long one turn goes on claiming while it finds nothing. */
const LOOK_FOR_MS = 2000;

export interface ClaimingDispatchDeps {
  readySet: ClaimingReadySet;
  jobs: Pick<JobStore, 'add' | 'take' | 'complete' | 'giveBack' | 'setAside'>;
  clock: Clock;
  log: Logger;
  faults: Faults;
  newLeaseToken: () => string;
  /**
   * One organization at a time, and how many runs of it; where left out, as many organizations as runs are wanted, and of
   * each as many as its queue has proved to hold.
   */
  oneByOne?: (orgId: string, estimateSeconds: number) => number;
}

/**
 * Dispatch out of single steps: claims the organizations that are due, takes runs of each with BullMQ's own moves, and
 * settles the claim. What fails on the way is logged, and left to the sweep: an organization whose claim could not be
 * settled is offered again by it, a run whose end could not be brought comes back when its lease is over.
 */
export class ClaimingDispatch implements Dispatch {
  readonly #deps: ClaimingDispatchDeps;
  readonly #bursts = new BurstLimits();
  readonly #averages = new CostAverages();

  constructor(deps: ClaimingDispatchDeps) {
    this.#deps = deps;
  }

  async enqueue(groups: readonly RunGroup[]): Promise<void> {
    const { jobs, readySet, clock, faults } = this.#deps;
    await Promise.all(groups.map((group) => jobs.add(group)));
    await faults.hit('after-job-before-ready');
    const runs = groups.flatMap((group) => group.runs);
    const now = runs.filter((run) => run.delayMs <= 0).map((run) => run.orgId);
    const later = runs.filter((run) => run.delayMs > 0).map((run) => ({ orgId: run.orgId, atMs: clock.nowMs() + run.delayMs }));
    await Promise.all([readySet.markReady([...new Set(now)]), readySet.schedule(later)]);
  }

  async turn({ ends, max, full }: TurnRequest): Promise<TurnResult> {
    const lost = await this.#end(ends);
    return max > 0 ? { lost, ...(await this.#takeNext(max, new Set(full))) } : { lost, runs: [], nextDueMs: null };
  }

  /** Claims that found nothing say nothing of those behind them: whoever took the last run of a queue does not know it. */
  async #takeNext(max: number, full: ReadonlySet<string>): Promise<Pick<TurnResult, 'runs' | 'nextDueMs'>> {
    const { readySet, clock, oneByOne } = this.#deps;
    const untilMs = clock.monotonicMs() + LOOK_FOR_MS;
    for (;;) {
      const claim = await readySet.claim(oneByOne ? 1 : max);
      const runs = claim.organizations.length > 0 ? await this.#takeOf(claim, max, full) : [];
      if (runs.length > 0 || claim.organizations.length === 0 || clock.monotonicMs() >= untilMs) return { runs, nextDueMs: claim.nextDueMs };
    }
  }

  wait(timeoutMs: number, signal: AbortSignal): Promise<void> {
    return this.#deps.readySet.wait(timeoutMs, signal);
  }

  async #end(ends: readonly RunEnd[]): Promise<Set<number>> {
    const { jobs, readySet } = this.#deps;
    const held = await Promise.all(ends.map(({ taken: { orgId, runId, leaseToken } }) => jobs.complete(orgId, runId, leaseToken)));
    for (const { taken, costSeconds } of ends) if (costSeconds !== null) this.#averages.learn(taken.orgId, costSeconds);
    await readySet.adjust(ends.map(({ taken, owedSeconds }): Adjustment => {
      return { orgId: taken.orgId, chargeSeconds: owedSeconds, freedMb: taken.memoryMb, next: { kind: 'ended' } };
    }));
    return new Set(held.flatMap((isHeld, place) => (isHeld ? [] : [place])));
  }

  async #takeOf({ organizations, isAlone }: Claim, max: number, full: ReadonlySet<string>): Promise<ChargedRun[]> {
    const { faults, readySet } = this.#deps;
    const counts = planClaim(organizations, {
      max,
      limitOf: (orgId) => (full.has(orgId) ? 0 : this.#mostOf(orgId)),
      estimateSecondsOf: (orgId) => this.#averages.estimateSeconds(orgId),
    });
    const claims = await Promise.all(organizations.map((organization, i) => (full.has(organization.orgId) ? this.#pass(organization) : this.#takeFrom(organization, counts[i]!, isAlone))));
    const runs = claims.flatMap((claim) => claim.runs);
    if (runs.length > 0) await faults.hit('after-take');
    try {
      await readySet.settle(claims.map((claim) => claim.outcome));
    } catch (thrown) {
      this.#deps.log.warn({ organizations: claims.length, error: messageOf(thrown) }, 'queue.settle_failed');
    }
    return runs;
  }

  #mostOf(orgId: string): number {
    return this.#deps.oneByOne?.(orgId, this.#averages.estimateSeconds(orgId)) ?? this.#bursts.of(orgId);
  }

  /** There is no room for its next run here: another worker may have some, and soon this one. */
  async #pass({ orgId }: ReadyOrganization): Promise<{ runs: ChargedRun[]; outcome: ClaimOutcome }> {
    return { runs: [], outcome: { orgId, chargeSeconds: 0, next: { kind: 'later', atMs: this.#deps.clock.nowMs() + PASS_MS } } };
  }

  /** Takes up to `count` runs of one organization: its oldest, among themselves in no promised order. */
  async #takeFrom({ orgId, hasMemoryLimit }: ReadyOrganization, count: number, isAlone: boolean): Promise<{ runs: ChargedRun[]; outcome: ClaimOutcome }> {
    const results = await Promise.all(Array.from({ length: count }, () => this.#takeOne(orgId)));
    const taken = results.flatMap((result) => (result.kind === 'run' ? [result.taken] : []));
    // Asked at once and answered in any order: one that found nothing knows that there is no more.
    const short = results.find((result) => result.kind === 'later' || result.kind === 'idle');
    if (count > 0) this.#bursts.learn(orgId, count, taken.length);
    const kept = hasMemoryLimit && taken.length > 0 ? await this.#keepWhatFits(orgId, taken) : taken;
    const isLast = results.some((result) => result.kind === 'run' && result.isLast);
    const next = kept.length === taken.length ? (short ?? { kind: isLast ? 'idle' : 'ready' }) : { kind: 'ready' as const };
    // Alone it takes nothing from anybody, and pays what it used when a run ends.
    const runs = kept.map((run) => ({ taken: run, chargedSeconds: isAlone ? 0 : this.#averages.estimateSeconds(orgId) }));
    return { runs, outcome: { orgId, chargeSeconds: runs.reduce((sum, run) => sum + run.chargedSeconds, 0), next } };
  }

  /** Puts back, in their order, the runs that the organization's memory limit has no room for. */
  async #keepWhatFits(orgId: string, taken: readonly TakenRun[]): Promise<TakenRun[]> {
    const { readySet, jobs, log } = this.#deps;
    let fit = 0;
    try {
      fit = await readySet.reserve(orgId, taken.map((run) => run.memoryMb));
    } catch (thrown) {
      log.warn({ orgId, error: messageOf(thrown) }, 'queue.reserve_failed');
    }
    for (const run of taken.slice(fit).reverse()) await jobs.giveBack(orgId, run.runId, run.leaseToken);
    return taken.slice(0, fit);
  }

  async #takeOne(orgId: string): Promise<Taking> {
    const { jobs, log, newLeaseToken } = this.#deps;
    const leaseToken = newLeaseToken();
    try {
      const result = await jobs.take(orgId, leaseToken);
      if (result.kind === 'run') return { kind: 'run', taken: { orgId, ...result.job, leaseToken }, isLast: result.isLast ?? false };
      if (result.kind === 'later') return result;
      if (result.kind === 'empty') return { kind: 'idle' };
      log.error({ orgId, jobId: result.jobId, reason: result.reason }, 'queue.foreign_job');
      await jobs.setAside(orgId, result.jobId, leaseToken, `not a run of Bullpen: ${result.reason}`);
    } catch (thrown) {
      log.warn({ orgId, error: messageOf(thrown) }, 'queue.take_failed');
    }
    return { kind: 'again' };
  }
}

/** What one look into a queue gave; `again` where it could not tell. */
type Taking = { kind: 'run'; taken: TakenRun; isLast: boolean } | { kind: 'again' } | Exclude<ClaimNext, { kind: 'ready' }>;
