import { messageOf, type Clock, type Logger } from '@bullpen/core';

import type { Dispatch, RunEnd, RunGroup, TurnRequest, TurnResult } from '../dispatch.ts';
import { retryWhileUnavailable } from '../unavailable.ts';
import type { RedisDispatch } from './dispatch.ts';
import { shareOut } from './share-out.ts';
import type { ShardedReadySet } from './sharded-ready-set.ts';
import type { Wake } from './wake.ts';

interface ShardedDispatchDeps {
  shards: readonly RedisDispatch[];
  readySet: ShardedReadySet;
  wake: Pick<Wake, 'wait' | 'call'>;
  clock: Clock;
  log: Logger;
}

/**
 * Dispatch on a cluster: each shard is an ordinary dispatch in one slot, so what is atomic on a single Redis is atomic
 * here, for each organization. A turn ends runs in their shards, looks at the heads of all shards, and takes of each as
 * many as it holds of the lowest virtual times: whose turn it is does not depend on the shards, but for what changes
 * between the look and the taking, one round trip. A shard whose node is away while runs are taken is left out.
 */
export class ShardedDispatch implements Dispatch {
  readonly #deps: ShardedDispatchDeps;

  constructor(deps: ShardedDispatchDeps) {
    this.#deps = deps;
  }

  async enqueue(groups: readonly RunGroup[]): Promise<void> {
    const { shards, readySet } = this.#deps;
    const grouped = readySet.grouped(groups, ({ orgId }) => orgId);
    await Promise.all(grouped.map(([shard, some]) => shards[shard]!.enqueue(some)));
    await readySet.wakeFor(grouped.map(([shard]) => shard));
  }

  async turn({ ends, max, full }: TurnRequest): Promise<TurnResult> {
    const lost = await this.#end(ends);
    if (max < 1) return { lost, runs: [], nextDueMs: null };
    const { readySet, wake } = this.#deps;
    const views = await readySet.look(max);
    const counts = shareOut(views, max);
    const [results] = await Promise.all([this.#take(counts, full), readySet.level(views)]);
    const runs = results.flatMap((result) => result.runs);
    const waiting = views.reduce((sum, view) => sum + view.readyCount + view.dueCount, 0);
    // The next one that is blocked finds what this turn left.
    if (waiting > 0) await wake.call();
    const due = [...results.map((result) => result.nextDueMs), ...views.filter((_, i) => counts[i] === 0).map((view) => view.nextDueMs)].filter((atMs) => atMs !== null);
    return { lost, runs, nextDueMs: due.length > 0 ? Math.min(...due) : null };
  }

  wait(timeoutMs: number, signal: AbortSignal): Promise<void> {
    return this.#deps.wake.wait(timeoutMs, signal);
  }

  /** @returns the places of those that were not held */
  async #end(ends: readonly RunEnd[]): Promise<Set<number>> {
    if (ends.length === 0) return new Set();
    const { shards, readySet, clock } = this.#deps;
    const placed = ends.map((end, place) => ({ end, place }));
    const grouped = readySet.grouped(placed, ({ end }) => end.taken.orgId);
    const lost = await Promise.all(grouped.map(async ([shard, some]) => {
      // By itself: what other shards have done must not be done again.
      const result = await retryWhileUnavailable(clock, 'complete', () => shards[shard]!.turn({ ends: some.map(({ end }) => end), max: 0, full: [] }));
      return some.filter((_, i) => result.lost.has(i)).map(({ place }) => place);
    }));
    await readySet.wakeFor(grouped.map(([shard]) => shard));
    await readySet.charged(ends.reduce((sum, { owedSeconds }) => sum + Math.abs(owedSeconds), 0));
    return new Set(lost.flat());
  }

  async #take(counts: readonly number[], full: readonly string[]): Promise<TurnResult[]> {
    const { shards, log } = this.#deps;
    const wanted = counts.flatMap((count, shard) => (count > 0 ? [{ shard, count }] : []));
    const settled = await Promise.allSettled(wanted.map(({ shard, count }) => shards[shard]!.turn({ ends: [], max: count, full })));
    const failed = settled.filter((one) => one.status === 'rejected');
    if (failed.length > 0 && failed.length === settled.length) throw failed[0]!.reason;
    for (const { reason } of failed) log.warn({ error: messageOf(reason) }, 'queue.take_failed');
    return settled.flatMap((one) => (one.status === 'fulfilled' ? [one.value] : []));
  }
}
