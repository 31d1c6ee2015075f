import { BullpenError, KV_BOUNDS, kvKeySchema, kvRevisionSchema, toStorableJson } from '@bullpen/core';

import type { AgentKv, KvCondition, KvEntry } from '../agent-context.ts';

interface Kept {
  readonly json: string;
  readonly revision: number;
}

/** `ctx.kv` in memory, with the bounds and the errors of the one in Postgres. Values are copied in and out, as JSON. */
export class MemoryKv implements AgentKv {
  readonly #entries = new Map<string, Kept>();
  #revision = 0;

  constructor(initial: Readonly<Record<string, unknown>> = {}) {
    for (const [key, value] of Object.entries(initial)) this.#put(key, value);
  }

  async get<T>(key: string): Promise<T | undefined> {
    return (await this.getEntry<T>(key))?.value;
  }

  async getEntry<T>(key: string): Promise<KvEntry<T> | undefined> {
    const kept = this.#entries.get(keyOf(key));
    return kept === undefined ? undefined : { key, value: JSON.parse(kept.json) as T, revision: kept.revision };
  }

  async set(key: string, value: unknown, condition: KvCondition = {}): Promise<number> {
    if (value === undefined) throw new TypeError('ctx.kv.set takes a value; ctx.kv.delete takes it away');
    this.#expect(keyOf(key), condition);
    return this.#put(key, value);
  }

  async delete(key: string, condition: KvCondition = {}): Promise<boolean> {
    this.#expect(keyOf(key), condition);
    return this.#entries.delete(key);
  }

  async list<T>({ prefix = '', after, limit = 100 }: { prefix?: string; after?: string; limit?: number } = {}) {
    if (!Number.isInteger(limit) || limit < 1 || limit > KV_BOUNDS.pageEntries) throw refused(`kv.list: limit must be from 1 to ${KV_BOUNDS.pageEntries}`);
    const keys = [...this.#entries.keys()].filter((key) => key.startsWith(prefix) && (after === undefined || compareBytes(key, after) > 0)).sort(compareBytes);
    const entries: KvEntry<T>[] = [];
    let bytes = 0;
    for (const key of keys) {
      if (entries.length >= limit || bytes >= KV_BOUNDS.pageBytes) return { entries, next: entries.at(-1)?.key ?? null };
      const { json, revision } = this.#entries.get(key) as Kept;
      bytes += json.length;
      entries.push({ key, value: JSON.parse(json) as T, revision });
    }
    return { entries, next: null };
  }

  #put(key: string, value: unknown): number {
    const stored = toStorableJson(value, KV_BOUNDS.valueBytes);
    if (!stored.ok) throw new BullpenError('KV_LIMIT', `the value of ${key} cannot be kept: ${stored.detail}`, { key });
    const others = [...this.#entries].filter(([other]) => other !== key);
    const bytes = others.reduce((sum, [other, { json }]) => sum + other.length + json.length, key.length + stored.json.length);
    if (others.length >= KV_BOUNDS.entriesPerAgent || bytes > KV_BOUNDS.bytesPerAgent) {
      throw new BullpenError('KV_LIMIT', `the entries would be more than ${KV_BOUNDS.entriesPerAgent}, or more than ${KV_BOUNDS.bytesPerAgent} bytes`, { key });
    }
    this.#revision += 1;
    this.#entries.set(key, { json: stored.json, revision: this.#revision });
    return this.#revision;
  }

  #expect(key: string, { ifRevision }: KvCondition): void {
    if (ifRevision === undefined) return;
    if (!kvRevisionSchema.safeParse(ifRevision).success) throw refused('kv: ifRevision must be a revision, or 0');
    const found = this.#entries.get(key)?.revision ?? 0;
    if (found !== ifRevision) throw new BullpenError('KV_CONFLICT', `the entry ${key} has revision ${found}, not ${ifRevision}`, { key, found });
  }
}

function keyOf(key: string): string {
  if (typeof key !== 'string') throw new TypeError('ctx.kv takes a key');
  if (!kvKeySchema.safeParse(key).success) throw refused(`kv: a key has 1 to ${KV_BOUNDS.keyChars} characters`);
  return key;
}

const refused = (message: string): BullpenError => new BullpenError('CALL_REFUSED', message);

const encoder = new TextEncoder();

/** As Postgres sorts them: by the bytes of their UTF-8. */
function compareBytes(one: string, other: string): number {
  const a = encoder.encode(one);
  const b = encoder.encode(other);
  const shorter = Math.min(a.length, b.length);
  for (let i = 0; i < shorter; i += 1) if (a[i] !== b[i]) return (a[i] as number) - (b[i] as number);
  return a.length - b.length;
}
