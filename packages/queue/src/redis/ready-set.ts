import type { Clock, OrganizationLimits } from '@bullpen/core';
import type { Redis } from 'ioredis';

import { patchOf, withDefaults } from '../organization-limits.ts';
import type { Adjustment, Claim, ClaimOutcome, KnownOrganization, ReadyOrganization, ReadySet, ScheduledOrganization } from '../ready-set.ts';
import { readySetKey } from './keys.ts';
import { defineScripts, type RunScript } from './scripts.ts';

/**
 * Longest single block. A worker that was woken for `later` and then fills up leaves nobody else with the right
 * timeout; this bounds how late such an organization is offered.
 */
const MAX_BLOCK_MS = 1000;
/** How often CLIENT UNBLOCK is repeated: the first may reach the server before the BZPOPMIN does. */
const UNBLOCK_RETRY_MS = 20;

type ClaimReply = [organizations: (string | number)[], isAlone: number, nextDueMs: string | null, generations: (string | null)[]];

interface RedisReadySetDeps {
  /** Shared with BullMQ; scripts run in the order in which they were issued. */
  client: Redis;
  /** Used for BZPOPMIN only. */
  blocking: Redis;
  prefix: string;
  clock: Clock;
}

/**
 * The ready set in Redis: sorted sets and the Lua scripts beside this file, each atomic. It guarantees that an
 * organization is claimed by one caller at a time; it does not guarantee that a claim is settled, which the sweep does.
 */
export class RedisReadySet implements ReadySet {
  readonly #client: Redis;
  readonly #blocking: Redis;
  readonly #prefix: string;
  readonly #clock: Clock;
  readonly #run: RunScript;

  constructor(deps: RedisReadySetDeps) {
    this.#client = deps.client;
    this.#blocking = deps.blocking;
    this.#prefix = deps.prefix;
    this.#clock = deps.clock;
    this.#run = defineScripts(deps.client, deps.prefix);
  }

  async markReady(orgIds: readonly string[]): Promise<void> {
    if (orgIds.length > 0) await this.#run('mark-ready', [this.#clock.nowMs(), ...orgIds]);
  }

  async schedule(entries: readonly ScheduledOrganization[]): Promise<void> {
    if (entries.length === 0) return;
    await this.#run('schedule', [this.#clock.nowMs(), ...entries.flatMap(({ orgId, atMs }) => [orgId, Math.ceil(atMs)])]);
  }

  async claim(max: number): Promise<Claim> {
    const [flat, isAlone, nextDue, generations] = (await this.#run('claim', [this.#clock.nowMs(), max])) as ClaimReply;
    const organizations: ReadyOrganization[] = [];
    for (let i = 0; i < flat.length; i += 4) {
      const [orgId, virtualTime, weight, hasMemoryLimit] = flat.slice(i, i + 4);
      const generation = generations[i / 4] ?? '';
      organizations.push({ orgId: String(orgId), virtualTime: Number(virtualTime), weight: Number(weight), hasMemoryLimit: hasMemoryLimit === 1, generation });
    }
    return { organizations, isAlone: isAlone === 1, nextDueMs: nextDue === null ? null : Number(nextDue) };
  }

  async wait(timeoutMs: number, signal: AbortSignal): Promise<void> {
    if (signal.aborted) return;
    const seconds = Math.min(timeoutMs, MAX_BLOCK_MS) / 1000;
    const clientId = this.#blocking.client('ID').catch(() => null);
    const pop = this.#blocking.bzpopmin(this.#key('wake'), seconds);
    const stopUnblocking = this.#unblockOnAbort(signal, clientId);
    try {
      await pop;
    } finally {
      stopUnblocking();
    }
  }

  async settle(outcomes: readonly ClaimOutcome[]): Promise<void> {
    if (outcomes.length === 0) return;
    const groups = outcomes.flatMap(({ orgId, chargeSeconds, next }) => [orgId, chargeSeconds, next.kind, next.kind === 'later' ? Math.ceil(next.atMs) : 0]);
    await this.#run('settle', [this.#clock.nowMs(), ...groups]);
  }

  async reserve(orgId: string, memoryMb: readonly number[]): Promise<number> {
    return (await this.#run('reserve', [orgId, ...memoryMb])) as number;
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
      if (orgIds.length === 0) continue;
      const [scores, memory] = await Promise.all([this.#client.zmscore(this.#key('ready'), ...orgIds), this.#client.hmget(this.#key('memory'), ...orgIds)]);
      yield orgIds.map((orgId, i) => {
        const inFlightMb = memory[i] == null ? null : Number(memory[i]);
        return { orgId, generation: flat[2 * i + 1]!, isReady: scores[i] !== null, inFlightMb };
      });
    } while (cursor !== '0');
  }

  async forget(orgId: string, generation: string): Promise<void> {
    await this.#run('forget', [orgId, generation]);
  }

  async erase(orgId: string): Promise<void> {
    await this.#run('erase', [orgId]);
  }

  #key(key: Parameters<typeof readySetKey>[1]): string {
    return readySetKey(this.#prefix, key);
  }

  /** CLIENT UNBLOCK ends the pop cleanly; cutting the connection would mean to make it again. */
  #unblockOnAbort(signal: AbortSignal, clientId: Promise<number | null>): () => void {
    let timer: NodeJS.Timeout | undefined;
    const unblock = (): void => {
      timer = setInterval(() => void this.#unblock(clientId), UNBLOCK_RETRY_MS);
      void this.#unblock(clientId);
    };
    signal.addEventListener('abort', unblock, { once: true });
    return () => {
      signal.removeEventListener('abort', unblock);
      clearInterval(timer);
    };
  }

  async #unblock(clientId: Promise<number | null>): Promise<void> {
    const id = await clientId;
    // A failure means that Redis is away: then the pop fails as well, and that ends the wait.
    if (id !== null) await this.#client.client('UNBLOCK', id).catch(() => undefined);
  }
}
