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
 * Repairs what a crash leaves behind. A round looks at every organization that may have runs (on Redis one script tells, a hundred
 * at a time, which of them need it), in one process at a time, and finds: a job that was added but whose organization was not marked ready; an organization that was claimed and
 * never settled; a delayed job whose time passed unnoticed; a run whose lease expired; memory that
 * counts as in flight although its run is gone. Organizations without runs are
 * forgotten. A round only ever offers an organization too often, which costs one empty look.
 */
export class Sweeper {
  readonly #deps: SweeperDeps;
  /** MB by which the memory in flight was off at the last look. */
  readonly #offByMb = new Map<string, number>();

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
  async #look({ orgId, generation, isReady, inFlightMb }: KnownOrganization): Promise<string | null> {
    const { jobs, readySet, log } = this.#deps;
    const recovered = await jobs.recoverStalled(orgId);
    for (const runId of recovered) log.warn({ orgId, runId }, 'queue.run_recovered');
    if (inFlightMb !== null) await this.#recount(orgId, inFlightMb);
    if (isReady) return null;
    if (recovered.length > 0) return orgId;
    const { waiting, delayed, active } = await jobs.counts(orgId);
    if (waiting > 0) return orgId;
    if (delayed > 0) return (await jobs.overdue(orgId)) > 0 ? orgId : null;
    if (active === 0) await readySet.forget(orgId, generation);
    return null;
  }

  /**
   * Corrects memory that counts as in flight although no active run holds it, or the other way round. A run that is just
   * being taken or finished is off for a moment too, so only what was off at two looks is.
   */
  async #recount(orgId: string, inFlightMb: number): Promise<void> {
    const { jobs, readySet, log } = this.#deps;
    const offByMb = inFlightMb - (await jobs.activeMemoryMb(orgId));
    const beforeMb = this.#offByMb.get(orgId) ?? 0;
    const freedMb = Math.sign(offByMb) === Math.sign(beforeMb) ? Math.sign(offByMb) * Math.min(Math.abs(offByMb), Math.abs(beforeMb)) : 0;
    if (offByMb === freedMb) this.#offByMb.delete(orgId);
    else this.#offByMb.set(orgId, offByMb - freedMb);
    if (freedMb === 0) return;
    log.warn({ orgId, freedMb }, 'queue.memory_recounted');
    await readySet.adjust([{ orgId, chargeSeconds: 0, freedMb, next: { kind: 'ended' } }]);
  }
}
