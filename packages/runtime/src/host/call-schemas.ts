import { KV_BOUNDS, SIZE_CAPS, kvKeySchema, kvRevisionSchema, secretNameSchema } from '@bullpen/core';
import { z } from 'zod';

/** What each call may carry. The other side is container/agent-stores.mjs and agent-fetch.mjs, in the agent's hands. */

const ifRevision = kvRevisionSchema.optional();
const exchange = z.int().positive();
const key = z.string().max(KV_BOUNDS.keyChars);

export const CALL_SCHEMAS = {
  'secrets.get': z.strictObject({ name: secretNameSchema }),
  'kv.get': z.strictObject({ key: kvKeySchema }),
  'kv.set': z.strictObject({ key: kvKeySchema, value: z.unknown(), ifRevision }),
  'kv.delete': z.strictObject({ key: kvKeySchema, ifRevision }),
  'kv.list': z.strictObject({ prefix: key.default(''), after: key.nullish(), limit: z.int().min(1).max(KV_BOUNDS.pageEntries).default(100) }),
  'fetch.open': z.strictObject({
    exchange,
    method: z.string().regex(/^[A-Za-z]{1,20}$/),
    url: z.url({ protocol: /^https?$/ }).max(8192),
    headers: z.array(z.tuple([z.string().max(256), z.string().max(16_384)])).max(200),
    redirect: z.enum(['follow', 'error', 'manual']),
    body: z.base64().max(SIZE_CAPS.callBytes).optional(),
  }),
  'fetch.read': z.strictObject({ exchange }),
  'fetch.cancel': z.strictObject({ exchange }),
} as const;

export type CallMethod = keyof typeof CALL_SCHEMAS;
export type CallParams<M extends CallMethod> = z.output<(typeof CALL_SCHEMAS)[M]>;
/** What `ctx.fetch` asks for. */
export type FetchParams = CallParams<'fetch.open'>;
