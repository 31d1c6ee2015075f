import { messageOf, type Clock, type Faults, type Logger } from '@bullpen/core';

import { BurstLimits, RUN_COST, planClaim } from './claim-plan.ts';
import type { JobStore, TakenJob } from './job-store.ts';
import type { ClaimNext, ClaimOutcome, ReadyOrganization, ReadySet } from './ready-set.ts';
import type { TakenRun } from './taken-run.ts';
import { pause } from './unavailable.ts';

/** How long a take waits for a run before it says that there is none. */
const IDLE_TAKE_MS = 5000;
const MIN_WAIT_MS = 10;
const FIRST_BACKOFF_MS = 50;
const MAX_BACKOFF_MS = 1000;

interface RunTakerDeps {
  readySet: ReadySet;
  jobs: JobStore;
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
  /** Settlements under way: they are not waited for before runs are handed out. */
  readonly #settling = new Set<Promise<void>>();

  constructor(deps: RunTakerDeps) {
    this.#deps = deps;
  }

  async take(max: number, signal: AbortSignal): Promise<TakenRun[]> {
    const { clock } = this.#deps;
    const endMs = clock.monotonicMs() + IDLE_TAKE_MS;
    let backoffMs = FIRST_BACKOFF_MS;
    while (!signal.aborted && clock.monotonicMs() < endMs) {
      const organizations = await this.#claim(max, endMs - clock.monotonicMs(), signal).catch((thrown: unknown) => thrown);
      if (!Array.isArray(organizations)) {
        this.#deps.log.warn({ error: messageOf(organizations), backoffMs }, 'queue.take_failed');
        await pause(backoffMs, signal);
        backoffMs = Math.min(backoffMs * 2, MAX_BACKOFF_MS);
        continue;
      }
      const runs = await this.#takeOf(organizations as ReadyOrganization[], max, signal);
      if (runs.length > 0) return runs;
    }
    return [];
  }

  /** Resolves when every settlement under way is over. */
  async settled(): Promise<void> {
    await Promise.all(this.#settling);
  }

  async #claim(max: number, timeoutMs: number, signal: AbortSignal): Promise<ReadyOrganization[]> {
    const { readySet, clock } = this.#deps;
    const { organizations, nextDueMs } = await readySet.claim(max);
    if (organizations.length > 0) return organizations;
    const dueInMs = nextDueMs === null ? Infinity : nextDueMs - clock.nowMs();
    // Something overdue that this claim did not get is being promoted by somebody else.
    return readySet.wait(Math.max(MIN_WAIT_MS, Math.min(timeoutMs, dueInMs)), signal);
  }

  async #takeOf(organizations: readonly ReadyOrganization[], max: number, signal: AbortSignal): Promise<TakenRun[]> {
    if (organizations.length === 0) return [];
    const counts = signal.aborted ? organizations.map(() => 0) : planClaim(organizations, max, (orgId) => this.#bursts.of(orgId));
    const claims = await Promise.all(organizations.map((organization, i) => this.#takeFrom(organization, counts[i]!)));
    const runs = claims.flatMap((claim) => claim.runs);
    if (runs.length > 0) await this.#deps.faults.hit('after-take');
    this.#settle(claims.map((claim) => claim.outcome));
    if (!signal.aborted) return runs;
    await Promise.all(runs.map((taken) => this.#deps.giveBack(taken)));
    return [];
  }

  /** Takes up to `count` runs of one organization: its oldest, among themselves in no promised order. */
  async #takeFrom(organization: ReadyOrganization, count: number): Promise<{ runs: TakenRun[]; outcome: ClaimOutcome }> {
    const { orgId } = organization;
    const results = await Promise.all(Array.from({ length: count }, () => this.#takeOne(orgId)));
    const runs = results.flatMap((result) => (result.kind === 'run' ? [result.taken] : []));
    // Asked at once and answered in any order: one that found nothing knows that there is no more.
    const short = results.find((result) => result.kind === 'later' || result.kind === 'idle');
    const next: ClaimNext = short ?? { kind: 'ready' };
    if (count > 0) this.#bursts.learn(orgId, count, runs.length);
    return { runs, outcome: { organization, charge: runs.length * RUN_COST, next } };
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

function takenRun(orgId: string, job: TakenJob, leaseToken: string): TakenRun {
  return { orgId, runId: job.runId, memoryMb: job.memoryMb, redelivered: job.redelivered, leaseToken };
}
