import type { OrganizationLimits } from '@bullpen/core';

import type { Adjustment, KnownOrganization, ReadySet, ScheduledOrganization } from '../ready-set.ts';
import { shardOf } from './keys.ts';
import type { RedisReadySet, ShardView } from './ready-set.ts';
import type { Wake } from './wake.ts';

/**
 * How far what a shard believes of the others may be behind, in resource-seconds over weight: for each worker, what it
 * charged since it last looked at all of them. A newcomer may start so much too early.
 */
const LEVEL_WITHIN_SECONDS = 0.05;
const LOOK_AT_ALL = 1;

/**
 * The ready set of a cluster: each organization is in one of several shards, each an ordinary ready set in one slot. Every
 * shard is told where the line of the others is (`level`), within `LEVEL_WITHIN_SECONDS`, so that a newcomer starts where
 * it would on a single Redis, and an organization that is alone in its shard is not taken for alone.
 *
 * Workers block on one key for all shards. A shard cannot touch it in its own transaction, so it is touched after; should
 * a process die in between, a blocked worker finds out at its next look, within a second.
 */
export class ShardedReadySet implements ReadySet {
  readonly #shards: readonly RedisReadySet[];
  readonly #wake: Pick<Wake, 'call'>;
  /** Charged since all shards were last told of each other. */
  #unlevelSeconds = 0;

  constructor(shards: readonly RedisReadySet[], wake: Pick<Wake, 'call'>) {
    this.#shards = shards;
    this.#wake = wake;
  }

  async markReady(orgIds: readonly string[]): Promise<void> {
    await this.#each(orgIds, (orgId) => orgId, (shard, some) => shard.markReady(some));
  }

  async schedule(entries: readonly ScheduledOrganization[]): Promise<void> {
    await this.#each(entries, ({ orgId }) => orgId, (shard, some) => shard.schedule(some));
  }

  async adjust(adjustments: readonly Adjustment[]): Promise<void> {
    await this.#each(adjustments, ({ orgId }) => orgId, (shard, some) => shard.adjust(some));
    await this.charged(adjustments.reduce((sum, { chargeSeconds }) => sum + Math.abs(chargeSeconds), 0));
  }

  async setLimits(orgId: string, patch: Partial<OrganizationLimits>, heldMb: number): Promise<void> {
    await this.#each([orgId], (same) => same, (shard) => shard.setLimits(orgId, patch, heldMb));
  }

  async limits(orgIds: readonly string[]): Promise<Map<string, OrganizationLimits>> {
    const found = await Promise.all(this.grouped(orgIds, (orgId) => orgId).map(([shard, some]) => this.#shards[shard]!.limits(some)));
    return new Map(found.flatMap((some) => [...some]));
  }

  /** The first shard's turn is the turn of all. */
  takeSweepTurn(everyMs: number): Promise<boolean> {
    return this.#shards[0]!.takeSweepTurn(everyMs);
  }

  async *known(batchSize: number): AsyncIterable<KnownOrganization[]> {
    for (const shard of this.#shards) yield* shard.known(batchSize);
  }

  forget(orgId: string): Promise<void> {
    return this.#shards[shardOf(orgId, this.#shards.length)]!.forget(orgId);
  }

  erase(orgId: string): Promise<void> {
    return this.#shards[shardOf(orgId, this.#shards.length)]!.erase(orgId);
  }

  /** Items by shard. */
  grouped<T>(items: readonly T[], orgIdOf: (item: T) => string): [shard: number, T[]][] {
    return [...Map.groupBy(items, (item) => shardOf(orgIdOf(item), this.#shards.length))];
  }

  /** @throws what the server of a shard that is away throws */
  look(max: number): Promise<ShardView[]> {
    return Promise.all(this.#shards.map((shard) => shard.look(max)));
  }

  /** Tells each shard where the line of the others is, where it believes something else. */
  async level(views: readonly ShardView[]): Promise<void> {
    this.#unlevelSeconds = 0;
    const clock = Math.max(...views.map((view) => view.clock));
    await Promise.all(views.map(async (view, i) => {
      const elsewhere = lowest(views.filter((_, j) => j !== i).map((other) => other.times[0] ?? null));
      // A newcomer starts at the clock where nobody waits anywhere.
      const isBehind = elsewhere === null && view.clock < clock - LEVEL_WITHIN_SECONDS;
      if (!isLevel(view.elsewhere, elsewhere) || isBehind) await this.#shards[i]!.level(elsewhere, elsewhere === null ? clock : 0);
    }));
  }

  /** Levels the shards where that is due. */
  async charged(seconds: number): Promise<void> {
    this.#unlevelSeconds += seconds;
    if (this.#unlevelSeconds > LEVEL_WITHIN_SECONDS) await this.level(await this.look(LOOK_AT_ALL));
  }

  /** After something was done to these shards: wakes a worker where one of them has something for it. */
  async wakeFor(shards: readonly number[]): Promise<void> {
    const wakes = await Promise.all(shards.map((shard) => this.#shards[shard]!.wakes()));
    if (wakes.includes(true)) await this.#wake.call();
  }

  async #each<T>(items: readonly T[], orgIdOf: (item: T) => string, act: (shard: RedisReadySet, some: T[]) => Promise<void>): Promise<void> {
    if (items.length === 0) return;
    const groups = this.grouped(items, orgIdOf);
    await Promise.all(groups.map(([shard, some]) => act(this.#shards[shard]!, some)));
    await this.wakeFor(groups.map(([shard]) => shard));
  }
}

function lowest(lines: readonly (number | null)[]): number | null {
  const some = lines.filter((line) => line !== null);
  return some.length > 0 ? Math.min(...some) : null;
}

function isLevel(believed: number | null, actual: number | null): boolean {
  if (believed === null || actual === null) return believed === actual;
  return Math.abs(believed - actual) <= LEVEL_WITHIN_SECONDS;
}
