import { BullpenError, type KvEntry } from '@bullpen/core';
import type { HostServices, KvOwner } from '@bullpen/runtime';

/** What agents ask of their supervisor, in memory: for tests of the runtime alone. */
export interface MemoryServices extends HostServices {
  /** Values by `ORG/NAME`. */
  readonly secretValues: Map<string, string>;
}

export function memoryServices(): MemoryServices {
  const secretValues = new Map<string, string>();
  const entries = new Map<string, KvEntry>();
  const keyOf = ({ orgId, agent }: KvOwner, key: string) => `${orgId}/${agent}/${key}`;
  const expect = (at: string, ifRevision: number | undefined) => {
    if (ifRevision !== undefined && (entries.get(at)?.revision ?? 0) !== ifRevision) throw new BullpenError('KV_CONFLICT', 'it has another revision');
  };
  let revision = 0;
  return {
    secretValues,
    secrets: { read: async (orgId, name) => secretValues.get(`${orgId}/${name}`) ?? null },
    kv: {
      get: async (owner, key) => entries.get(keyOf(owner, key)) ?? null,
      async set(owner, { key, valueJson, ifRevision }) {
        expect(keyOf(owner, key), ifRevision);
        revision += 1;
        entries.set(keyOf(owner, key), { key, value: JSON.parse(valueJson), revision });
        return revision;
      },
      async delete(owner, { key, ifRevision }) {
        expect(keyOf(owner, key), ifRevision);
        return entries.delete(keyOf(owner, key));
      },
      async list(owner, { prefix, limit }) {
        const found = [...entries].filter(([at]) => at.startsWith(keyOf(owner, prefix))).map(([, entry]) => entry);
        return { entries: found.slice(0, limit), next: null };
      },
    },
  };
}
