import type { Clock } from '@bullpen/core';
import type { Redis } from 'ioredis';

import type { Claim, ClaimOutcome, KnownOrganization, ReadyOrganization, ReadySet, ScheduledOrganization } from '../ready-set.ts';
import { readySetKey } from './keys.ts';
import { defineScripts, type RunScript } from './scripts.ts';

/**
 * Longest single block. A worker that was woken for `later` and then fills up leaves nobody else with the right
 * timeout; this bounds how late such an organization is offered.
 */
const MAX_BLOCK_MS = 1000;
/** How often CLIENT UNBLOCK is repeated: the first may reach the server before the BZPOPMIN does. */
const UNBLOCK_RETRY_MS = 20;

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
    const [popped, nextDue] = (await this.#run('claim', [this.#clock.nowMs(), max])) as [string[], string | null];
    const organizations: ReadyOrganization[] = [];
    for (let i = 0; i < popped.length; i += 2) organizations.push({ orgId: popped[i]!, virtualTime: Number(popped[i + 1]) });
    return { organizations, nextDueMs: nextDue === null ? null : Number(nextDue) };
  }

  async wait(timeoutMs: number, signal: AbortSignal): Promise<ReadyOrganization[]> {
    if (signal.aborted) return [];
    const seconds = Math.min(timeoutMs, MAX_BLOCK_MS) / 1000;
    const clientId = this.#blocking.client('ID').catch(() => null);
    const pop = this.#blocking.bzpopmin(this.#key('wake'), this.#key('ready'), seconds);
    const stopUnblocking = this.#unblockOnAbort(signal, clientId);
    try {
      const popped = await pop;
      if (popped === null || popped[0] === this.#key('wake')) return [];
      return [{ orgId: popped[1], virtualTime: Number(popped[2]) }];
    } finally {
      stopUnblocking();
    }
  }

  async settle(outcomes: readonly ClaimOutcome[]): Promise<void> {
    if (outcomes.length === 0) return;
    const groups = outcomes.flatMap(({ organization, charge, next }) => {
      return [organization.orgId, organization.virtualTime, charge, next.kind, next.kind === 'later' ? Math.ceil(next.atMs) : 0];
    });
    await this.#run('settle', [this.#clock.nowMs(), ...groups]);
  }

  async giveBack(orgId: string, { refund, parkUntilMs }: { refund: number; parkUntilMs: number | null }): Promise<void> {
    await this.#run('give-back', [this.#clock.nowMs(), orgId, refund, parkUntilMs === null ? 0 : Math.ceil(parkUntilMs)]);
  }

  async unpark(orgId: string): Promise<void> {
    await this.#run('unpark', [orgId]);
  }

  async takeSweepTurn(everyMs: number): Promise<boolean> {
    return (await this.#client.set(this.#key('sweep'), '1', 'PX', Math.max(1, Math.floor(everyMs)), 'NX')) === 'OK';
  }

  async *known(batchSize: number): AsyncIterable<KnownOrganization[]> {
    let cursor = '0';
    do {
      const [next, flat] = await this.#client.hscan(this.#key('known'), cursor, 'COUNT', batchSize);
      cursor = next;
      const orgIds = flat.filter((_, i) => i % 2 === 0);
      if (orgIds.length === 0) continue;
      const scores = await this.#client.zmscore(this.#key('ready'), ...orgIds);
      yield orgIds.map((orgId, i) => ({ orgId, generation: flat[2 * i + 1]!, isReady: scores[i] !== null }));
    } while (cursor !== '0');
  }

  async forget(orgId: string, generation: string): Promise<void> {
    await this.#run('forget', [orgId, generation]);
  }

  #key(key: Parameters<typeof readySetKey>[1]): string {
    return readySetKey(this.#prefix, key);
  }

  /** CLIENT UNBLOCK ends the pop cleanly; cutting the connection could lose an organization that was just popped. */
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
