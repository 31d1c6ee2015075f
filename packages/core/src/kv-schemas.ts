import { z } from 'zod';

import { textSchema } from './fields.ts';

/** `ctx.kv`: small values that the runs of one agent share. */
export const KV_BOUNDS = Object.freeze({
  keyChars: 256,
  /** As JSON. */
  valueBytes: 64 * 1024,
  entriesPerAgent: 1000,
  /** Keys and values of one agent together. */
  bytesPerAgent: 8 * 1024 * 1024,
  pageEntries: 200,
  /** A page of `list` ends with the entry that reaches this. */
  pageBytes: 512 * 1024,
});

export const kvKeySchema = textSchema.min(1).max(KV_BOUNDS.keyChars);
/** A revision is never given twice to a key; 0 is that of an entry which is not there. */
export const kvRevisionSchema = z.int().min(0);

export interface KvEntry {
  readonly key: string;
  readonly value: unknown;
  readonly revision: number;
}

export interface KvPage {
  readonly entries: readonly KvEntry[];
  /** The key to go on after; null where there is no more. */
  readonly next: string | null;
}
