import type { Clock, OrganizationLimits } from '@bullpen/core';
import type { Pool } from 'pg';

import { patchOf, withDefaults } from '../organization-limits.ts';
import type { Adjustment, Claim, ClaimOutcome, ClaimingReadySet, KnownOrganization, ReadyOrganization, ScheduledOrganization } from '../ready-set.ts';
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
export class PostgresReadySet implements ClaimingReadySet {
  readonly #run: RunStatement;
  readonly #signal: ReadySignal;
  readonly #clock: Clock;
  /** Notifications seen before the last claim looked: one that came since ends the next wait at once. */
  #seen = 0;
  /** Charges under way, which a claim must see: the pool has several connections. */
  readonly #charging = new Set<Promise<unknown>>();

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
    await Promise.allSettled(this.#charging);
    this.#seen = this.#signal.count;
    const claim = await this.#claimReady(max);
    const nowMs = this.#clock.nowMs();
    if (claim.nextDueMs === null || claim.nextDueMs > nowMs) return claim;
    await this.#run('promote', [nowMs]);
    return claim.organizations.length > 0 ? claim : this.#claimReady(max);
  }

  async wait(timeoutMs: number, signal: AbortSignal): Promise<void> {
    await this.#signal.wait({ seen: this.#seen, timeoutMs, signal });
  }

  async settle(outcomes: readonly ClaimOutcome[]): Promise<void> {
    if (outcomes.length === 0) return;
    await this.#charge('settle', [
      outcomes.map(({ orgId }) => orgId),
      outcomes.map(({ chargeSeconds }) => chargeSeconds),
      outcomes.map(({ next }) => next.kind),
      outcomes.map(({ next }) => (next.kind === 'later' ? Math.ceil(next.atMs) : null)),
      this.#clock.nowMs(),
    ]);
  }

  async reserve(orgId: string, memoryMb: readonly number[]): Promise<number> {
    const [row] = await this.#run<{ fit: number }>('reserve', [orgId, memoryMb]);
    // Forgotten meanwhile, so it had nothing in flight; the sweep counts what is taken now.
    return row?.fit ?? memoryMb.length;
  }

  async adjust(adjustments: readonly Adjustment[]): Promise<void> {
    if (adjustments.length === 0) return;
    await this.#charge('adjust', [
      adjustments.map(({ orgId }) => orgId),
      adjustments.map(({ chargeSeconds }) => chargeSeconds),
      adjustments.map(({ freedMb }) => freedMb),
      adjustments.map(({ next }) => next.kind),
      adjustments.map(({ next }) => (next.kind === 'parked' ? Math.ceil(next.untilMs) : null)),
      this.#clock.nowMs(),
    ]);
  }

  async setLimits(orgId: string, patch: Partial<OrganizationLimits>, heldMb: number): Promise<void> {
    await this.#run('set-limits', [orgId, patchOf(patch), heldMb]);
  }

  async limits(orgIds: readonly string[]): Promise<Map<string, OrganizationLimits>> {
    const rows = await this.#run<{ org_id: string; limits: Partial<OrganizationLimits> }>('limits', [orgIds]);
    return new Map(rows.map((row) => [row.org_id, withDefaults(row.limits)]));
  }

  async takeSweepTurn(everyMs: number): Promise<boolean> {
    return (await this.#run('take-sweep-turn', [this.#clock.nowMs(), Math.ceil(everyMs)])).length === 1;
  }

  async *known(batchSize: number): AsyncIterable<KnownOrganization[]> {
    let after = '';
    for (;;) {
      const rows = await this.#run<{ org_id: string; generation: string; is_ready: boolean; in_flight_mb: number | null }>('known', [after, batchSize]);
      const last = rows.at(-1);
      if (!last) return;
      yield rows.map((row) => ({ orgId: row.org_id, generation: row.generation, isReady: row.is_ready, inFlightMb: row.in_flight_mb }));
      after = last.org_id;
    }
  }

  async forget(orgId: string, generation: string): Promise<void> {
    await this.#run('forget', [orgId, generation]);
  }

  async erase(orgId: string): Promise<void> {
    await this.#run('erase', [orgId]);
  }

  async #charge(name: 'settle' | 'adjust', values: readonly unknown[]): Promise<void> {
    const charging = this.#run(name, values);
    this.#charging.add(charging);
    try {
      await charging;
    } finally {
      this.#charging.delete(charging);
    }
  }

  async #claimReady(max: number): Promise<Claim> {
    const [row] = await this.#run<{ claimed: ReadyOrganization[]; is_alone: boolean; next_due_ms: string | null }>('claim', [max, this.#clock.nowMs()]);
    return { organizations: row?.claimed ?? [], isAlone: row?.is_alone ?? false, nextDueMs: row?.next_due_ms == null ? null : Number(row.next_due_ms) };
  }
}
