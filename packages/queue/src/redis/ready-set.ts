import type { Clock, OrganizationLimits } from '@bullpen/core';

import { patchOf, withDefaults } from '../organization-limits.ts';
import type { Adjustment, KnownOrganization, ReadySet, ScheduledOrganization } from '../ready-set.ts';
import { readySetKey } from './keys.ts';
import type { RedisClient } from './new-client.ts';
import type { RunScript } from './scripts.ts';

type LookReply = [times: string[], ready: number, due: number, clock: string, elsewhere: string | null, nextDueMs: string | null];

/** What a turn that spans shards must know of each. */
export interface ShardView {
  /** Virtual times of the first that are offered. */
  times: number[];
  readyCount: number;
  /** Waited for a time that has come. */
  dueCount: number;
  /** The virtual time that dispatch has reached. */
  clock: number;
  /** What the shard believes to be the lowest virtual time in the others. */
  elsewhere: number | null;
  nextDueMs: number | null;
}

interface RedisReadySetDeps {
  /** Shared with BullMQ; scripts run in the order in which they were issued. */
  client: RedisClient;
  run: RunScript;
  prefix: string;
  clock: Clock;
}

/**
 * The ready set in Redis: sorted sets and the Lua scripts beside this file, each atomic. Taking is RedisDispatch's.
 */
export class RedisReadySet implements ReadySet {
  readonly #client: RedisClient;
  readonly #prefix: string;
  readonly #clock: Clock;
  readonly #run: RunScript;

  constructor(deps: RedisReadySetDeps) {
    this.#client = deps.client;
    this.#prefix = deps.prefix;
    this.#clock = deps.clock;
    this.#run = deps.run;
  }

  async markReady(orgIds: readonly string[]): Promise<void> {
    if (orgIds.length > 0) await this.#run('mark-ready', [this.#clock.nowMs(), ...orgIds]);
  }

  async schedule(entries: readonly ScheduledOrganization[]): Promise<void> {
    if (entries.length === 0) return;
    await this.#run('schedule', [this.#clock.nowMs(), ...entries.flatMap(({ orgId, atMs }) => [orgId, Math.ceil(atMs)])]);
  }

  async adjust(adjustments: readonly Adjustment[]): Promise<void> {
    if (adjustments.length === 0) return;
    const groups = adjustments.flatMap(({ orgId, chargeSeconds, freedMb, next }) => {
      return [orgId, chargeSeconds, freedMb, next.kind, next.kind === 'parked' ? Math.ceil(next.untilMs) : 0];
    });
    await this.#run('adjust', [this.#clock.nowMs(), ...groups]);
  }

  async setLimits(orgId: string, patch: Partial<OrganizationLimits>, heldMb: number): Promise<void> {
    await this.#run('set-limits', [orgId, patchOf(patch), heldMb]);
  }

  async limits(orgIds: readonly string[]): Promise<Map<string, OrganizationLimits>> {
    if (orgIds.length === 0) return new Map();
    const texts = await this.#client.hmget(this.#key('limits'), ...orgIds);
    return new Map(orgIds.flatMap((orgId, i) => {
      const text = texts[i];
      return text ? [[orgId, withDefaults(JSON.parse(text) as Partial<OrganizationLimits>)]] : [];
    }));
  }

  async takeSweepTurn(everyMs: number): Promise<boolean> {
    return (await this.#run('take-sweep-turn', [Math.max(1, Math.floor(everyMs))])) === 1;
  }

  async *known(batchSize: number): AsyncIterable<KnownOrganization[]> {
    let cursor = '0';
    do {
      const [next, flat] = await this.#client.hscan(this.#key('known'), cursor, 'COUNT', batchSize);
      cursor = next;
      const orgIds = flat.filter((_, i) => i % 2 === 0);
      if (orgIds.length > 0) yield await this.#suspectsOf(orgIds);
    } while (cursor !== '0');
  }

  /** The script looks into the queue itself, so it needs no generation to know that nothing came in between. */
  async forget(orgId: string): Promise<void> {
    await this.#run('forget', [orgId]);
  }

  async erase(orgId: string): Promise<void> {
    await this.#run('erase', [orgId]);
  }

  async look(max: number): Promise<ShardView> {
    const [times, readyCount, dueCount, clock, elsewhere, nextDueMs] = (await this.#run('look', [this.#clock.nowMs(), max])) as LookReply;
    return { times: times.map(Number), readyCount, dueCount, clock: Number(clock), elsewhere: numberOrNull(elsewhere), nextDueMs: numberOrNull(nextDueMs) };
  }

  /** What the other shards have come to. */
  async level(elsewhere: number | null, clock: number): Promise<void> {
    await this.#run('level', [elsewhere ?? '', clock]);
  }

  /** Whether a blocked worker would be woken. */
  async wakes(): Promise<boolean> {
    return (await this.#client.exists(this.#key('wake'))) === 1;
  }

  async #suspectsOf(orgIds: readonly string[]): Promise<KnownOrganization[]> {
    const flat = (await this.#run('suspects', [this.#clock.nowMs(), ...orgIds])) as string[];
    return Array.from({ length: flat.length / 3 }, (_, i): KnownOrganization => {
      const [orgId, isReady, inFlightMb] = [flat[3 * i]!, flat[3 * i + 1]!, flat[3 * i + 2]!];
      return { orgId, generation: '', isReady: isReady === '1', inFlightMb: inFlightMb === '' ? null : Number(inFlightMb) };
    });
  }

  #key(key: Parameters<typeof readySetKey>[1]): string {
    return readySetKey(this.#prefix, key);
  }
}

function numberOrNull(text: string | null): number | null {
  return text === null ? null : Number(text);
}
