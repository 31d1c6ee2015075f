import { BAND_SIZE, type FlowDemand, type InnerOrderStore } from '../inner-order.ts';
import { orderKey, prioritizedKey } from './keys.ts';
import type { RedisClient } from './new-client.ts';
import { defineScript } from './scripts.ts';

/** Longer than any run waits. A queue that never empties renews it with each run. */
const KEPT_MS = 7 * 86_400_000;

/** The flows of each organization in a hash beside its queue, in the same slot. */
export class RedisInnerOrderStore implements InnerOrderStore {
  readonly #client: RedisClient;
  readonly #prefixOf: (orgId: string) => string;
  readonly #extend: (keys: readonly string[], args: readonly (string | number)[]) => Promise<unknown>;

  constructor(client: RedisClient, prefixOf: (orgId: string) => string) {
    this.#client = client;
    this.#prefixOf = prefixOf;
    this.#extend = defineScript(client, 'extend-flows', 2);
  }

  /** One command for those that share a slot, since as a rule there are none. */
  async ordered(orgIds: readonly string[]): Promise<ReadonlySet<string>> {
    const bySlot = Map.groupBy(orgIds, this.#prefixOf);
    const found = await Promise.all([...bySlot].map(async ([prefix, some]) => {
      const keys = some.map((orgId) => orderKey(prefix, orgId));
      if ((await this.#client.exists(...keys)) === 0) return [];
      const each = await Promise.all(keys.map((key) => this.#client.exists(key)));
      return some.filter((_, i) => each[i] === 1);
    }));
    return new Set(found.flat());
  }

  async extend(orgId: string, demands: readonly FlowDemand[]): Promise<Map<string, number>> {
    const groups = demands.flatMap(({ flow, band, runs }) => [flow, band, runs]);
    const prefix = this.#prefixOf(orgId);
    const keys = [orderKey(prefix, orgId), prioritizedKey(prefix, orgId)];
    const starts = (await this.#extend(keys, [BAND_SIZE, KEPT_MS, ...groups])) as number[];
    return new Map(demands.map(({ flow }, i) => [flow, starts[i]!]));
  }
}
