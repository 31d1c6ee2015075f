import type { HostServices, KvOwner } from '@bullpen/runtime';
import { MemoryKv } from '@bullpen/sdk/testing';

/** `ctx.secrets` from where the product keeps them, and `ctx.kv` in memory: one store for each agent of an organization. */
export function memoryServices(readSecret: (orgId: string, name: string) => string | null | Promise<string | null>): HostServices {
  const stores = new Map<string, MemoryKv>();
  const storeOf = ({ orgId, agent }: KvOwner): MemoryKv => {
    const key = `${orgId}/${agent}`;
    const store = stores.get(key) ?? new MemoryKv();
    stores.set(key, store);
    return store;
  };
  const conditionOf = (ifRevision: number | undefined) => (ifRevision === undefined ? {} : { ifRevision });
  return {
    secrets: { read: async (orgId, name) => readSecret(orgId, name) },
    kv: {
      get: async (owner, key) => await storeOf(owner).getEntry(key) ?? null,
      set: (owner, { key, valueJson, ifRevision }) => storeOf(owner).set(key, JSON.parse(valueJson), conditionOf(ifRevision)),
      delete: (owner, { key, ifRevision }) => storeOf(owner).delete(key, conditionOf(ifRevision)),
      list: (owner, { prefix, after, limit }) => storeOf(owner).list({ prefix, limit, ...(after === null ? {} : { after }) }),
    },
  };
}
