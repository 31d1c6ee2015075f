import type { Clock } from '@bullpen/core';
import type { Pool } from 'pg';

import type { Claim, ClaimOutcome, KnownOrganization, ReadyOrganization, ReadySet, ScheduledOrganization } from '../ready-set.ts';
import type { ReadySignal } from './ready-signal.ts';
import { loadStatements, type RunStatement } from './statements.ts';

interface PostgresReadySetDeps {
  pool: Pool;
  signal: ReadySignal;
  clock: Clock;
}

/**
 * The ready set in Postgres: one table and the statements in ./sql, each atomic. The same guarantees as in Redis;
 * waiting is for a notification, with a poll as a safety net.
 */
export class PostgresReadySet implements ReadySet {
  readonly #run: RunStatement;
  readonly #signal: ReadySignal;
  readonly #clock: Clock;
  /** Notifications seen before the last claim looked: one that came since ends the next wait at once. */
  #seen = 0;

  constructor({ pool, signal, clock }: PostgresReadySetDeps) {
    this.#run = loadStatements(pool);
    this.#signal = signal;
    this.#clock = clock;
  }

  async markReady(orgIds: readonly string[]): Promise<void> {
    if (orgIds.length > 0) await this.#run('mark-ready', [[...orgIds].sort(), this.#clock.nowMs()]);
  }

  async schedule(entries: readonly ScheduledOrganization[]): Promise<void> {
    if (entries.length === 0) return;
    const earliest = new Map<string, number>();
    for (const { orgId, atMs } of entries) earliest.set(orgId, Math.min(Math.ceil(atMs), earliest.get(orgId) ?? Infinity));
    const orgIds = [...earliest.keys()].sort();
    await this.#run('schedule', [orgIds, orgIds.map((orgId) => earliest.get(orgId))]);
  }

  async claim(max: number): Promise<Claim> {
    this.#signal.listen();
    this.#seen = this.#signal.count;
    const claim = await this.#claimReady(max);
    const nowMs = this.#clock.nowMs();
    if (claim.nextDueMs === null || claim.nextDueMs > nowMs) return claim;
    await this.#run('promote', [nowMs]);
    return claim.organizations.length > 0 ? claim : this.#claimReady(max);
  }

  async wait(timeoutMs: number, signal: AbortSignal): Promise<ReadyOrganization[]> {
    await this.#signal.wait({ seen: this.#seen, timeoutMs, signal });
    return [];
  }

  async settle(outcomes: readonly ClaimOutcome[]): Promise<void> {
    if (outcomes.length === 0) return;
    await this.#run('settle', [
      outcomes.map(({ organization }) => organization.orgId),
      outcomes.map(({ organization }) => organization.virtualTime),
      outcomes.map(({ charge }) => charge),
      outcomes.map(({ next }) => next.kind),
      outcomes.map(({ next }) => (next.kind === 'later' ? Math.ceil(next.atMs) : null)),
      this.#clock.nowMs(),
    ]);
  }

  async giveBack(orgId: string, { refund, parkUntilMs }: { refund: number; parkUntilMs: number | null }): Promise<void> {
    if (parkUntilMs !== null) this.#signal.noteParked(orgId);
    await this.#run('give-back', [orgId, refund, parkUntilMs === null ? null : Math.ceil(parkUntilMs), this.#clock.nowMs()]);
  }

  async unpark(orgId: string): Promise<void> {
    // Asked at the end of every run; nearly none is parked, and a statement each would cost a third of the throughput.
    if (!this.#signal.mayBeParked(orgId)) return;
    this.#signal.noteUnparked(orgId);
    await this.#run('unpark', [orgId]);
  }

  async takeSweepTurn(everyMs: number): Promise<boolean> {
    return (await this.#run('take-sweep-turn', [this.#clock.nowMs(), Math.ceil(everyMs)])).length === 1;
  }

  async *known(batchSize: number): AsyncIterable<KnownOrganization[]> {
    let after = '';
    for (;;) {
      const rows = await this.#run<{ org_id: string; generation: string; is_ready: boolean }>('known', [after, batchSize]);
      const last = rows.at(-1);
      if (!last) return;
      yield rows.map((row) => ({ orgId: row.org_id, generation: row.generation, isReady: row.is_ready }));
      after = last.org_id;
    }
  }

  async forget(orgId: string, generation: string): Promise<void> {
    await this.#run('forget', [orgId, generation]);
  }

  async #claimReady(max: number): Promise<Claim> {
    const [row] = await this.#run<{ claimed: ReadyOrganization[]; next_due_ms: string | null }>('claim', [max]);
    return { organizations: row?.claimed ?? [], nextDueMs: row?.next_due_ms == null ? null : Number(row.next_due_ms) };
  }
}
