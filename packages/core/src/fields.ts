import { z } from 'zod';

import { isId, SLUG_PATTERN, type IdKind } from './ids.ts';
import { LIMIT_BOUNDS } from './limits.ts';
import { RUN_STATES } from './run-state.ts';
import { TIERS } from './tier.ts';

/** Fields that several requests and responses share. */

const bounded = (bounds: { min: number; max: number }) => z.int().min(bounds.min).max(bounds.max);

/** Text that Postgres can hold: no NUL character, no lone surrogate. */
export const textSchema = z.string().refine((text) => !text.includes('\u0000') && text.isWellFormed(), 'holds a NUL character or a lone surrogate');

/** An id that we made, as a caller hands it back. */
export function idSchema(kind: IdKind) {
  return z.string().max(40).refine((text) => isId(kind, text), `not the id of a ${kind}`).describe(`id of a ${kind}`);
}

export const slugSchema = z.string().regex(SLUG_PATTERN, 'lower-case letters, digits and dashes, at most 63');
export const orgIdSchema = slugSchema.describe('organization id');
export const agentNameSchema = slugSchema.describe('agent name, unique in its organization');
export const runStateSchema = z.enum(RUN_STATES);
export const tierSchema = z.enum(TIERS);

export const timeoutMsSchema = bounded(LIMIT_BOUNDS.timeoutMs).describe('hard wall-clock limit of one attempt, ms');
export const memoryMbSchema = bounded(LIMIT_BOUNDS.memoryMb).describe('memory limit of the container, MB');
export const maxAttemptsSchema = bounded(LIMIT_BOUNDS.maxAttempts).describe('attempts in all, the first included');
export const ttlMsSchema = bounded(LIMIT_BOUNDS.ttlMs).describe('how long the run may wait in the queue, ms');
export const prioritySchema = z.int().min(1).max(10).describe('1 is taken first, 10 last, within the organization');
export const fairnessKeySchema = z.string().regex(/^[\w.@:-]{1,64}$/, 'letters, digits and . @ : _ -, at most 64')
  .describe('an end user, say: runs of different keys of one organization take turns');
export const tagSchema = z.string().regex(/^[\w.:@/-]{1,64}$/, 'letters, digits and . : @ / _ -, at most 64');
export const tagsSchema = z.array(tagSchema).max(32).describe('words to find the run by, at most 32');
export const delayMsSchema = bounded(LIMIT_BOUNDS.delayMs).describe('earliest start, ms from now');

export const backoffSchema = z.strictObject({
  baseMs: z.int().min(0).max(3_600_000),
  maxMs: z.int().min(0).max(86_400_000),
  jitter: z.boolean(),
});

export const sha256Schema = z.string().regex(/^[0-9a-f]{64}$/, 'a lower-case hex sha256');

/** Times over HTTP are ISO 8601 in UTC. */
export const timeSchema = z.iso.datetime('a time in UTC as ISO 8601 has it, such as 2026-01-31T09:30:00Z');
export const nullableTimeSchema = timeSchema.nullable();

/** A query parameter that may be given several times. */
export function severalOf<T extends z.ZodType>(one: T) {
  return z.union([one, z.array(one).min(1).max(20)], { error: whatIsWrongWith }).transform((given): z.output<T>[] => (Array.isArray(given) ? given as z.output<T>[] : [given]));
}

/** Of one, or of the list: a union alone says `Invalid input` and not what would be valid. */
function whatIsWrongWith({ code, input, errors }: z.core.$ZodRawIssue): string | undefined {
  if (code !== 'invalid_union') return undefined;
  const [ofOne, ofList] = errors as readonly (readonly { message: string }[])[];
  return (Array.isArray(input) ? ofList : ofOne)?.[0]?.message;
}

export const cursorSchema = z.string().min(1).max(200).describe('opaque: the `nextCursor` of the page before');
export const pageLimitSchema = z.coerce.number().int().min(1).max(200).default(50);

/** A page of `item`, newest first. */
export function pageSchema<T extends z.ZodType>(item: T) {
  return z.strictObject({ items: z.array(item), nextCursor: z.string().nullable() });
}
