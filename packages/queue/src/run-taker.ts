import { messageOf, type Clock, type Faults, type Logger } from '@bullpen/core';

import { BurstLimits, planClaim } from './claim-plan.ts';
import type { CostLedger } from './cost-ledger.ts';
import { EmptyQueues } from './empty-queues.ts';
import type { JobStore, TakenJob } from './job-store.ts';
import type { Claim, ClaimNext, ClaimOutcome, ReadyOrganization, ReadySet } from './ready-set.ts';
import type { TakenRun } from './taken-run.ts';
import { pause } from './unavailable.ts';

/** How long a take waits for a run before it says that there is none. */
const IDLE_TAKE_MS = 5000;
const MIN_WAIT_MS = 10;
/**
 * How much an organization may use in a row before it is somebody else's turn, times its weight. A run that is cheaper
 * than this is followed by the next one of its organization in one round trip; it bounds what anybody waits for it.
 */
const LEAD_SECONDS = 0.02;
/** The same where nobody else waited. */
const LEAD_ALONE_SECONDS = 0.1;
const FIRST_BACKOFF_MS = 50;
const MAX_BACKOFF_MS = 1000;

export interface RunTakerDeps {
  readySet: ReadySet;
  jobs: Pick<JobStore, 'take' | 'giveBack' | 'setAside'>;
  costs: CostLedger;
  clock: Clock;
  log: Logger;
  faults: Faults;
  newLeaseToken: () => string;
  /** Takes back a run that nobody will look at. */
  giveBack: (taken: TakenRun) => Promise<void>;
}

/**
 * Takes runs: claims the organizations that are due, takes runs of each, and settles the claim. A run that it returns
 * is active under the caller's lease. What fails on the way is logged and tried again until the take's time is over;
 * an organization whose claim could not be settled is offered again by the sweep.
 */
export class RunTaker {
  readonly #deps: RunTakerDeps;
  readonly #bursts = new BurstLimits();
  readonly #empty = new EmptyQueues();
  /** Settlements under way: they are not waited for before runs are handed out. */
  readonly #settling = new Set<Promise<void>>();

  constructor(deps: RunTakerDeps) {
    this.#deps = deps;
  }

  /** @param enough - ends the waiting, not the taking: the caller has something else */
  async take(max: number, signal: AbortSignal, enough?: AbortSignal): Promise<TakenRun[]> {
    const { clock } = this.#deps;
    const endMs = clock.monotonicMs() + IDLE_TAKE_MS;
    let backoffMs = FIRST_BACKOFF_MS;
    while (!signal.aborted && !enough?.aborted && clock.monotonicMs() < endMs) {
      try {
        const runs = await this.#tryTake(max, endMs - clock.monotonicMs(), signal, enough);
        if (runs.length > 0) return runs;
      } catch (thrown) {
        if (!(thrown instanceof ClaimFailed)) throw thrown;
        this.#deps.log.warn({ error: messageOf(thrown.cause), backoffMs }, 'queue.take_failed');
        await pause(backoffMs, signal);
        backoffMs = Math.min(backoffMs * 2, MAX_BACKOFF_MS);
      }
    }
    return [];
  }

  /** A look into the organization's queue, after it was last claimed, found nothing. */
  noteEmpty(orgId: string): void {
    this.#empty.note(orgId);
  }

  /** Resolves when every settlement under way is over. */
  async settled(): Promise<void> {
    await Promise.all(this.#settling);
  }

  async #tryTake(max: number, timeoutMs: number, signal: AbortSignal, enough?: AbortSignal): Promise<TakenRun[]> {
    const { readySet, clock } = this.#deps;
    try {
      const claim = await readySet.claim(max);
      if (claim.organizations.length === 0) {
        const dueInMs = claim.nextDueMs === null ? Infinity : claim.nextDueMs - clock.nowMs();
        // Something overdue that this claim did not get is being promoted by somebody else.
        await readySet.wait(Math.max(MIN_WAIT_MS, Math.min(timeoutMs, dueInMs)), enough ? AbortSignal.any([signal, enough]) : signal);
        return [];
      }
      return this.#takeOf(claim, max, signal);
    } catch (thrown) {
      throw new ClaimFailed(thrown);
    }
  }

  async #takeOf({ organizations, isAlone }: Claim, max: number, signal: AbortSignal): Promise<TakenRun[]> {
    const { costs, faults, giveBack } = this.#deps;
    const counts = signal.aborted ? organizations.map(() => 0) : planClaim(organizations, {
      max,
      limitOf: (orgId) => this.#bursts.of(orgId),
      estimateSecondsOf: (orgId) => costs.estimateSeconds(orgId),
    });
    const claims = await Promise.all(organizations.map((organization, i) => this.#takeFrom(organization, counts[i]!, isAlone)));
    const runs = claims.flatMap((claim) => claim.runs);
    if (runs.length > 0) await faults.hit('after-take');
    this.#settle(claims.map((claim) => claim.outcome));
    if (!signal.aborted) return runs;
    await Promise.all(runs.map((taken) => giveBack(taken)));
    return [];
  }

  /** Takes up to `count` runs of one organization: its oldest, among themselves in no promised order. */
  async #takeFrom(organization: ReadyOrganization, count: number, isAlone: boolean): Promise<{ runs: TakenRun[]; outcome: ClaimOutcome }> {
    const { orgId, hasMemoryLimit } = organization;
    if (this.#empty.isStill(organization)) return { runs: [], outcome: { orgId, chargeSeconds: 0, next: { kind: 'idle' } } };
    const results = await Promise.all(Array.from({ length: count }, () => this.#takeOne(orgId)));
    const taken = results.flatMap((result) => (result.kind === 'run' ? [result.taken] : []));
    // Asked at once and answered in any order: one that found nothing knows that there is no more.
    const short = results.find((result) => result.kind === 'later' || result.kind === 'idle');
    if (count > 0) this.#bursts.learn(orgId, count, taken.length);
    const runs = hasMemoryLimit && taken.length > 0 ? await this.#keepWhatFits(orgId, taken) : taken;
    const next: ClaimNext = runs.length === taken.length && short ? short : { kind: 'ready' };
    return { runs, outcome: { orgId, chargeSeconds: this.#charge(organization, runs, isAlone), next } };
  }

  /** What a run is charged to begin with. Alone, nothing: it takes nothing from anybody, and pays what it used when it ends. */
  #charge({ weight, hasMemoryLimit }: ReadyOrganization, runs: readonly TakenRun[], isAlone: boolean): number {
    const { costs } = this.#deps;
    const leadSeconds = hasMemoryLimit ? 0 : weight * (isAlone ? LEAD_ALONE_SECONDS : LEAD_SECONDS);
    let chargeSeconds = 0;
    for (const taken of runs) {
      const estimateSeconds = isAlone ? 0 : costs.estimateSeconds(taken.orgId, taken.agent);
      costs.open(taken, estimateSeconds, leadSeconds);
      chargeSeconds += estimateSeconds;
    }
    return chargeSeconds;
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
      if (result.kind === 'run') return { kind: 'run', taken: takenRun(orgId, result.job, leaseToken) };
      if (result.kind === 'later') return result;
      if (result.kind === 'empty') return { kind: 'idle' };
      log.error({ orgId, jobId: result.jobId, reason: result.reason }, 'queue.foreign_job');
      await jobs.setAside(orgId, result.jobId, leaseToken, `not a run of Bullpen: ${result.reason}`);
    } catch (thrown) {
      log.warn({ orgId, error: messageOf(thrown) }, 'queue.take_failed');
    }
    return { kind: 'again' };
  }

  #settle(outcomes: readonly ClaimOutcome[]): void {
    const settling = this.#deps.readySet.settle(outcomes).catch((thrown: unknown) => {
      this.#deps.log.warn({ organizations: outcomes.length, error: messageOf(thrown) }, 'queue.settle_failed');
    });
    this.#settling.add(settling);
    void settling.finally(() => this.#settling.delete(settling));
  }
}

/** What one look into a queue gave; `again` where it could not tell. */
type Taking = { kind: 'run'; taken: TakenRun } | { kind: 'again' } | Exclude<ClaimNext, { kind: 'ready' }>;

/** The server could not be asked, which is tried again; what it answered does not fail like this. */
class ClaimFailed extends Error {
  constructor(cause: unknown) {
    super('the claim failed', { cause });
  }
}

/** A job as a run that is held under the token. */
export function takenRun(orgId: string, job: TakenJob, leaseToken: string): TakenRun {
  return { orgId, ...job, leaseToken };
}
