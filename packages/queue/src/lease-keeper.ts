import { messageOf, type Logger } from '@bullpen/core';

import type { JobStore } from './job-store.ts';
import { leaseIdOf, type TakenRun } from './taken-run.ts';

export type LeaseLostListener = (taken: TakenRun) => void;

interface LeaseKeeperDeps {
  jobs: Pick<JobStore, 'extendLeases'>;
  leaseMs: number;
  log: Logger;
  /** Told of each run whose lease is lost. */
  listeners: ReadonlySet<LeaseLostListener>;
}

/**
 * Keeps the leases of all runs that this process holds. A run is kept from `keep` to `release`; each round of `renew`
 * extends all of them, one call per organization, and says which ones somebody else may hold by now. That word comes
 * from the queue only: while it cannot be reached nobody else can take a run either, so nothing counts as lost.
 */
export class LeaseKeeper {
  readonly #deps: LeaseKeeperDeps;
  readonly #held = new Map<string, TakenRun>();

  constructor(deps: LeaseKeeperDeps) {
    this.#deps = deps;
  }

  keep(taken: TakenRun): void {
    this.#held.set(leaseIdOf(taken), taken);
  }

  /** From here on a lost lease of this run is no news. */
  release(taken: TakenRun): void {
    this.#held.delete(leaseIdOf(taken));
  }

  async renew(): Promise<void> {
    const byOrganization = Map.groupBy(this.#held.values(), (taken) => taken.orgId);
    await Promise.all([...byOrganization].map(([orgId, runs]) => this.#renewOf(orgId, runs)));
  }

  async #renewOf(orgId: string, runs: readonly TakenRun[]): Promise<void> {
    try {
      const tokens = runs.map((taken) => taken.leaseToken);
      const lost = new Set(await this.#deps.jobs.extendLeases(orgId, runs.map((taken) => taken.runId), tokens, this.#deps.leaseMs));
      for (const taken of runs) if (lost.has(taken.runId)) this.#lose(taken);
    } catch (thrown) {
      this.#deps.log.warn({ orgId, runs: runs.length, error: messageOf(thrown) }, 'queue.renew_failed');
    }
  }

  #lose(taken: TakenRun): void {
    // Released while the renewal was under way: then it is settled, not lost.
    if (!this.#held.delete(leaseIdOf(taken))) return;
    this.#deps.log.warn({ orgId: taken.orgId, runId: taken.runId }, 'queue.lease_lost');
    for (const listener of this.#deps.listeners) {
      try {
        listener(taken);
      } catch (thrown) {
        this.#deps.log.error({ runId: taken.runId, error: messageOf(thrown) }, 'queue.listener_failed');
      }
    }
  }
}
