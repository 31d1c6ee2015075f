import { assertNever, messageOf, type Deadline, type Logger } from '@bullpen/core';

import { leaseIdOf, type TakenRun } from '../taken-run.ts';
import type { LeaseNews } from './lease-renewal.ts';
import { LeaseTable, type HeldLease } from './lease-table.ts';

export type LeaseLostListener = (taken: TakenRun) => void;

/** What renews the leases of a table: a thread, or in a unit test nothing. */
export interface LeaseThread {
  /** Further memory of the table. */
  add(memory: SharedArrayBuffer): void;
  stop(by: Deadline): Promise<void>;
}

interface LeaseKeeperDeps {
  leaseMs: number;
  log: Logger;
  /** Told of each run whose lease is lost. */
  listeners: ReadonlySet<LeaseLostListener>;
  startThread: (memory: readonly SharedArrayBuffer[], hear: (news: LeaseNews) => void) => LeaseThread;
}

interface Kept {
  readonly taken: TakenRun;
  readonly slot: number | null;
  /** Its holder is letting go of it, and will hear from the queue itself whether it still held it. */
  isLeaving: boolean;
}

/** Signs of life per lease. */
const SIGNS_PER_LEASE = 8;

/**
 * Keeps the leases of all runs that this process holds. A run is kept from `keep` to `release`. The renewing is done by a
 * thread of its own, which reads what is kept from shared memory, so that no work of this thread delays it; here the
 * news of it arrives. Until the first run is kept there is no thread.
 */
export class LeaseKeeper {
  readonly #deps: LeaseKeeperDeps;
  readonly #held = new Map<string, Kept>();
  readonly #table: LeaseTable;
  #thread: LeaseThread | null = null;
  #pulse: NodeJS.Timeout | undefined;

  constructor(deps: LeaseKeeperDeps) {
    this.#deps = deps;
    this.#table = new LeaseTable((memory) => this.#thread?.add(memory));
  }

  keep(taken: TakenRun): void {
    const slot = this.#table.hold(taken);
    if (slot === null) this.#deps.log.error({ orgId: taken.orgId, runId: taken.runId }, 'queue.lease_not_renewed');
    this.#held.set(leaseIdOf(taken), { taken, slot, isLeaving: false });
    this.#thread ??= this.#start();
  }

  /** From here on a lost lease of this run is no news, but it is renewed until `release`: letting go may take a while. */
  leave(taken: TakenRun): void {
    const kept = this.#held.get(leaseIdOf(taken));
    if (kept) kept.isLeaving = true;
  }

  release(taken: TakenRun): void {
    const leaseId = leaseIdOf(taken);
    const kept = this.#held.get(leaseId);
    if (!kept) return;
    this.#held.delete(leaseId);
    if (kept.slot !== null) this.#table.release(kept.slot);
  }

  /** Nothing is renewed any more. */
  async stop(by: Deadline): Promise<void> {
    clearInterval(this.#pulse);
    const thread = this.#thread;
    this.#thread = null;
    await thread?.stop(by);
  }

  #start(): LeaseThread {
    const { startThread, leaseMs } = this.#deps;
    this.#pulse = setInterval(() => this.#table.signOfLife(), Math.max(1, leaseMs / SIGNS_PER_LEASE));
    this.#pulse.unref();
    return startThread(this.#table.memory, (news) => this.#hear(news));
  }

  #hear(news: LeaseNews): void {
    switch (news.kind) {
      case 'lost':
        this.#lose(news.lease);
        return;
      case 'log':
        this.#deps.log[news.level](news.facts, news.event);
        return;
      default:
        assertNever(news);
    }
  }

  #lose(lease: HeldLease): void {
    const kept = this.#held.get(leaseIdOf(lease));
    // Released, or being released, while the renewal was under way: then it is settled, not lost.
    if (!kept || kept.isLeaving) return;
    const { taken } = kept;
    this.release(taken);
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
