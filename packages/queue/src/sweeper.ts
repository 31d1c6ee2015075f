import type { Logger } from '@bullpen/core';

import type { JobStore } from './job-store.ts';
import type { KnownOrganization, ReadySet } from './ready-set.ts';

const BATCH_SIZE = 100;

interface SweeperDeps {
  readySet: ReadySet;
  jobs: JobStore;
  everyMs: number;
  log: Logger;
}

/**
 * Repairs what a crash leaves behind. A round looks at every organization that may have runs, in one process at a time,
 * and finds: a job that was added but whose organization was not marked ready; an organization that was claimed and
 * never settled; a delayed job whose time passed unnoticed; a run whose lease expired. Organizations without runs are
 * forgotten. A round only ever offers an organization too often, which costs one empty look.
 */
export class Sweeper {
  readonly #deps: SweeperDeps;

  constructor(deps: SweeperDeps) {
    this.#deps = deps;
  }

  async sweep(): Promise<void> {
    const { readySet, everyMs } = this.#deps;
    // A little less than a round, so that a timer that fires early does not skip one.
    if (!(await readySet.takeSweepTurn(everyMs * 0.8))) return;
    for await (const batch of readySet.known(BATCH_SIZE)) {
      const toOffer = await Promise.all(batch.map((organization) => this.#look(organization)));
      await readySet.markReady(toOffer.filter((orgId) => orgId !== null));
    }
  }

  /** @returns the organization where it must be offered. */
  async #look({ orgId, generation, isReady }: KnownOrganization): Promise<string | null> {
    const { jobs, readySet, log } = this.#deps;
    const recovered = await jobs.recoverStalled(orgId);
    for (const runId of recovered) log.warn({ orgId, runId }, 'queue.run_recovered');
    if (isReady) return null;
    if (recovered.length > 0) return orgId;
    const { waiting, delayed, active } = await jobs.counts(orgId);
    if (waiting > 0) return orgId;
    if (delayed > 0) return (await jobs.overdue(orgId)) > 0 ? orgId : null;
    if (active === 0) await readySet.forget(orgId, generation);
    return null;
  }
}
