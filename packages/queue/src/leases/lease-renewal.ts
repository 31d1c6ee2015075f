import type { Clock } from '@bullpen/core';

import type { HeldLease, LeaseTableReader } from './lease-table.ts';

/**
 * A main thread that gave no sign of life for so many leases is stuck for good: its runs are another worker's to try. A
 * run of it is so taken over within this, one lease more, and two looks of the sweep.
 */
export const MAX_SILENT_LEASES = 4;

export interface LeaseExtender {
  /** @returns the runs whose lease is lost */
  extendLeases(orgId: string, runIds: string[], leaseTokens: string[], leaseMs: number): Promise<string[]>;
}

/** What the lease thread tells the main thread. */
export type LeaseNews =
  | { kind: 'lost'; lease: HeldLease }
  | { kind: 'log'; level: 'debug' | 'info' | 'warn' | 'error'; facts: object; event: string };

interface LeaseRenewalDeps {
  reader: LeaseTableReader;
  extender: LeaseExtender;
  leaseMs: number;
  clock: Pick<Clock, 'monotonicMs'>;
  tell: (news: LeaseNews) => void;
}

/**
 * Renews every lease of the table in each round, one call per organization, and tells which ones somebody else may hold
 * by now. That word comes from the queue only: while it cannot be reached nobody else can take a run either, so nothing
 * counts as lost. It stops renewing while the main thread has been silent for `MAX_SILENT_LEASES`.
 */
export class LeaseRenewal {
  readonly #deps: LeaseRenewalDeps;
  #life: number;
  #aliveAtMs: number;
  #isSilent = false;

  constructor(deps: LeaseRenewalDeps) {
    this.#deps = deps;
    this.#life = deps.reader.life;
    this.#aliveAtMs = deps.clock.monotonicMs();
  }

  async renew(): Promise<void> {
    const leases = this.#deps.reader.held();
    if (this.#mainIsSilent(leases.length)) return;
    const byOrganization = Map.groupBy(leases, (lease) => lease.orgId);
    await Promise.all([...byOrganization].map(([orgId, some]) => this.#renewOf(orgId, some)));
  }

  #mainIsSilent(runs: number): boolean {
    const { reader, clock, leaseMs, tell } = this.#deps;
    const { life } = reader;
    if (life !== this.#life) this.#aliveAtMs = clock.monotonicMs();
    this.#life = life;
    const wasSilent = this.#isSilent;
    this.#isSilent = clock.monotonicMs() - this.#aliveAtMs > MAX_SILENT_LEASES * leaseMs;
    if (this.#isSilent && !wasSilent) tell({ kind: 'log', level: 'error', facts: { runs }, event: 'queue.main_thread_is_silent' });
    return this.#isSilent;
  }

  async #renewOf(orgId: string, leases: readonly HeldLease[]): Promise<void> {
    const { extender, leaseMs, tell } = this.#deps;
    try {
      const lost = new Set(await extender.extendLeases(orgId, leases.map(({ runId }) => runId), leases.map(({ leaseToken }) => leaseToken), leaseMs));
      for (const lease of leases) if (lost.has(lease.runId)) tell({ kind: 'lost', lease });
    } catch (thrown) {
      tell({ kind: 'log', level: 'warn', facts: { orgId, runs: leases.length, error: String(thrown) }, event: 'queue.renew_failed' });
    }
  }
}
