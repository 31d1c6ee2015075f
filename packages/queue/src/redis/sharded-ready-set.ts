import type { OrganizationLimits } from '@bullpen/core';

import type { Adjustment, Claim, ClaimOutcome, KnownOrganization, ReadySet, ScheduledOrganization } from '../ready-set.ts';
import { readySetKey, shardOf } from './keys.ts';
import type { RedisClient } from './new-client.ts';
import type { RedisReadySet, ShardView } from './ready-set.ts';
import type { Wake } from './wake.ts';

/**
 * How far what a shard believes of the others may be behind, in resource-seconds over weight. A newcomer may so start
 * this much, and what was dispatched since the last claim, too early.
 */
const LEVEL_WITHIN_SECONDS = 0.05;

interface ShardedReadySetDeps {
  client: RedisClient;
  shards: readonly RedisReadySet[];
  wake: Wake;
  prefix: string;
}

/**
 * The ready set of a cluster: each organization is in one of several shards, each an ordinary ready set in one slot. A
 * claim looks at the heads of all shards and takes the lowest virtual times among them, so whose turn it is does not
 * depend on the shards, but for what changes between the look and the claim: one round trip. It also tells each shard
 * where the line of the others is, within `LEVEL_WITHIN_SECONDS`, so that a newcomer starts where it would on a single
 * Redis, and an organization that is alone in its shard is not taken for alone.
 *
 * Workers block on one key for all shards. A shard cannot touch it in its own transaction, so it is touched after; should
 * a process die in between, a blocked worker finds out at its next look, within a second.
 */
export class ShardedReadySet implements ReadySet {
  readonly #deps: ShardedReadySetDeps;

  constructor(deps: ShardedReadySetDeps) {
    this.#deps = deps;
  }

  async markReady(orgIds: readonly string[]): Promise<void> {
    await this.#each(orgIds, (orgId) => orgId, (shard, some) => shard.markReady(some));
  }

  async schedule(entries: readonly ScheduledOrganization[]): Promise<void> {
    await this.#each(entries, ({ orgId }) => orgId, (shard, some) => shard.schedule(some));
  }

  async settle(outcomes: readonly ClaimOutcome[]): Promise<void> {
    await this.#each(outcomes, ({ orgId }) => orgId, (shard, some) => shard.settle(some));
  }

  async adjust(adjustments: readonly Adjustment[]): Promise<void> {
    await this.#each(adjustments, ({ orgId }) => orgId, (shard, some) => shard.adjust(some));
  }

  async setLimits(orgId: string, patch: Partial<OrganizationLimits>, heldMb: number): Promise<void> {
    await this.#each([orgId], (same) => same, (shard) => shard.setLimits(orgId, patch, heldMb));
  }

  async claim(max: number): Promise<Claim> {
    const { shards, wake } = this.#deps;
    const views = await Promise.all(shards.map((shard) => shard.look(max)));
    const counts = lowestOf(views, max);
    const [claims] = await Promise.all([
      Promise.all(shards.flatMap((shard, i) => (counts[i]! > 0 ? [shard.claim(counts[i]!)] : []))),
      this.#level(views),
    ]);
    const organizations = claims.flatMap((claim) => claim.organizations).sort((a, b) => a.virtualTime - b.virtualTime);
    const offered = views.reduce((sum, view) => sum + view.readyCount, 0);
    const claimedBefore = views.reduce((sum, view) => sum + view.claimedCount, 0);
    // The next one that is blocked finds what this claim left.
    if (offered > organizations.length) await wake.call();
    const due = views.flatMap((view) => (view.nextDueMs === null ? [] : [view.nextDueMs]));
    return {
      organizations,
      isAlone: organizations.length === 1 && offered === 1 && claimedBefore === 0,
      nextDueMs: due.length > 0 ? Math.min(...due) : null,
    };
  }

  async wait(timeoutMs: number, signal: AbortSignal): Promise<void> {
    await this.#deps.wake.wait(timeoutMs, signal);
  }

  reserve(orgId: string, memoryMb: readonly number[]): Promise<number> {
    return this.#shard(orgId).reserve(orgId, memoryMb);
  }

  async limits(orgIds: readonly string[]): Promise<Map<string, OrganizationLimits>> {
    const found = await Promise.all(this.#grouped(orgIds, (orgId) => orgId).map(([shard, some]) => shard.limits(some)));
    return new Map(found.flatMap((some) => [...some]));
  }

  /** The first shard's turn is the turn of all. */
  async takeSweepTurn(everyMs: number): Promise<boolean> {
    const [first, ...others] = this.#deps.shards;
    if (!(await first!.takeSweepTurn(everyMs))) return false;
    await Promise.all(others.map((shard) => shard.takeSweepTurn(everyMs)));
    return true;
  }

  async *known(batchSize: number): AsyncIterable<KnownOrganization[]> {
    for (const shard of this.#deps.shards) yield* shard.known(batchSize);
  }

  forget(orgId: string, generation: string): Promise<void> {
    return this.#shard(orgId).forget(orgId, generation);
  }

  /** Does it in each shard, and wakes a worker where one of them has something for it. */
  async #each<T>(items: readonly T[], orgIdOf: (item: T) => string, act: (shard: RedisReadySet, some: T[]) => Promise<void>): Promise<void> {
    const { client, wake, prefix, shards } = this.#deps;
    const woken = await Promise.all(this.#grouped(items, orgIdOf).map(async ([shard, some]) => {
      // Issued together, so they are one round trip, and done in this order.
      const [, wakes] = await Promise.all([act(shard, some), client.exists(readySetKey(prefix, 'wake', shards.indexOf(shard)))]);
      return wakes === 1;
    }));
    if (woken.includes(true)) await wake.call();
  }

  #grouped<T>(items: readonly T[], orgIdOf: (item: T) => string): [RedisReadySet, T[]][] {
    return [...Map.groupBy(items, (item) => this.#shard(orgIdOf(item)))];
  }

  #shard(orgId: string): RedisReadySet {
    const { shards } = this.#deps;
    return shards[shardOf(orgId, shards.length)]!;
  }

  async #level(views: readonly ShardView[]): Promise<void> {
    const clock = Math.max(...views.map((view) => view.clock));
    await Promise.all(views.map(async (view, i) => {
      const elsewhere = lowest(views.filter((_, j) => j !== i).map((other) => other.line));
      // A newcomer starts at the clock where nobody waits anywhere.
      const isBehind = elsewhere === null && view.clock < clock - LEVEL_WITHIN_SECONDS;
      if (!isLevel(view.elsewhere, elsewhere) || isBehind) await this.#deps.shards[i]!.level(elsewhere, elsewhere === null ? clock : 0);
    }));
  }
}

/** Of each shard, how many of the `max` lowest virtual times it holds. */
export function lowestOf(views: readonly { times: readonly number[] }[], max: number): number[] {
  const all = views.flatMap(({ times }, shard) => times.map((time) => ({ time, shard })));
  const counts = views.map(() => 0);
  for (const { shard } of all.sort((a, b) => a.time - b.time).slice(0, max)) counts[shard]! += 1;
  return counts;
}

function lowest(lines: readonly (number | null)[]): number | null {
  const some = lines.filter((line) => line !== null);
  return some.length > 0 ? Math.min(...some) : null;
}

function isLevel(believed: number | null, actual: number | null): boolean {
  if (believed === null || actual === null) return believed === actual;
  return Math.abs(believed - actual) <= LEVEL_WITHIN_SECONDS;
}
