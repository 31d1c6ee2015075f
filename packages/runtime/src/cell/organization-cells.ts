import type { Clock } from '@bullpen/core';

import type { AttemptRequest } from '../container.ts';
import type { CellPool } from './cell-pool.ts';
import type { CpuShares } from './cpu-shares.ts';
import type { OrganizationCell } from './organization-cell.ts';
import type { SeatedAttempt } from './organization-seat.ts';

/**
 * Which cell an organization's containers are in. Guarantees: a cell serves one organization, from its first use to its
 * end; an organization has one cell that its containers share, and one more for each container that must run alone;
 * a cell without containers is ended after `idleMs`.
 *
 * Alone run attempts whose cell was lost with them (one of several, nobody knows which), and for `SUSPICION_MS` those
 * of a bundle that brought a cell down: next time it has nobody to take with it.
 */
const SUSPICION_MS = 10 * 60 * 1000;
const MAX_SUSPECTS = 10_000;

export class OrganizationCells {
  readonly #pool: Pick<CellPool<OrganizationCell>, 'take'>;
  readonly #clock: Clock;
  readonly #cpu: Pick<CpuShares, 'join'>;
  readonly #idleMs: number;
  readonly #shared = new Map<string, Promise<OrganizationCell>>();
  readonly #alive = new Set<OrganizationCell>();
  /** Of runs and of bundles, with the monotonic time until when. */
  readonly #suspects = new Map<string, number>();

  constructor(options: { pool: Pick<CellPool<OrganizationCell>, 'take'>; clock: Clock; cpu: Pick<CpuShares, 'join'>; idleMs: number }) {
    this.#pool = options.pool;
    this.#clock = options.clock;
    this.#cpu = options.cpu;
    this.#idleMs = options.idleMs;
  }

  mustRunAlone({ orgId, runId, sha256 }: Pick<AttemptRequest, 'orgId' | 'runId' | 'sha256'>): boolean {
    const nowMs = this.#clock.monotonicMs();
    return (this.#suspects.get(runKey(orgId, runId)) ?? 0) > nowMs || (this.#suspects.get(bundleKey(orgId, sha256)) ?? 0) > nowMs;
  }

  /** @throws where no cell can be had. */
  async take(orgId: string, isAlone: boolean): Promise<OrganizationCell> {
    if (isAlone) return this.#bind(orgId, await this.#pool.take(0), isAlone);
    const underway = this.#shared.get(orgId);
    const known = await underway?.catch(() => null);
    if (known !== undefined && known !== null && !known.isEnding) return known;
    // Whoever else found the old cell gone may have asked for a new one meanwhile.
    if (this.#shared.get(orgId) !== underway) return this.take(orgId, isAlone);
    const taking = this.#pool.take(0).then((cell) => this.#bind(orgId, cell, isAlone));
    this.#shared.set(orgId, taking);
    const forget = () => { if (this.#shared.get(orgId) === taking) this.#shared.delete(orgId); };
    taking.then((cell) => cell.gone.then(forget), forget);
    return taking;
  }

  /** Ends all cells; resolves when none is left. */
  async close(): Promise<void> {
    for (const cell of this.#alive) cell.kill();
    await Promise.all([...this.#alive].map(({ gone }) => gone));
  }

  #bind(orgId: string, cell: OrganizationCell, isAlone: boolean): OrganizationCell {
    this.#alive.add(cell);
    void cell.gone.then(() => this.#alive.delete(cell));
    void this.#cpu.join(orgId, cell);
    const suspect = (attempt: SeatedAttempt) => this.#suspect(runKey(orgId, attempt.runId));
    cell.bind({
      suspected: (attempts) => attempts.forEach(suspect),
      convicted: ({ sha256 }) => this.#suspect(bundleKey(orgId, sha256)),
      emptied: () => this.#onEmpty(cell, isAlone),
    });
    return cell;
  }

  #onEmpty(cell: OrganizationCell, isAlone: boolean): void {
    setTimeout(() => {
      if (!cell.isEmpty || cell.hasEnded) return;
      cell.retire();
    }, isAlone ? 0 : this.#idleMs).unref();
  }

  #suspect(key: string): void {
    if (this.#suspects.size >= MAX_SUSPECTS) this.#suspects.clear();
    this.#suspects.set(key, this.#clock.monotonicMs() + SUSPICION_MS);
  }
}

const runKey = (orgId: string, runId: string) => `run ${orgId}/${runId}`;
const bundleKey = (orgId: string, sha256: string) => `bundle ${orgId}/${sha256}`;
