import { z } from 'zod';

import { runStateSchema, timeSchema } from './fields.ts';

export const LOG_LEVELS = ['debug', 'info', 'warn', 'error'] as const;
export type LogLevel = (typeof LOG_LEVELS)[number];

export const logEventSchema = z.strictObject({ type: z.literal('log'), level: z.enum(LOG_LEVELS), message: z.string(), fields: z.json().optional() });

/** What an agent says, or what Bullpen says about its run, in the order of `seq`. */
export const runEventSchema = z.discriminatedUnion('type', [
  logEventSchema,
  z.strictObject({ type: z.literal('emit'), name: z.string().min(1).max(64), data: z.json() }),
  z.strictObject({ type: z.literal('progress'), fraction: z.number().min(0).max(1), message: z.string().optional() }),
  z.strictObject({
    type: z.literal('span'),
    id: z.string().min(1).max(32),
    parentId: z.string().min(1).max(32).nullable(),
    name: z.string().min(1).max(128),
    startMs: z.number().min(0),
    endMs: z.number().min(0),
    status: z.enum(['ok', 'error']),
    attributes: z.record(z.string().max(128), z.union([z.string(), z.number(), z.boolean()])),
  }).describe('a span of `ctx.trace.span`, said when it ended'),
  z.strictObject({ type: z.literal('dropped'), count: z.int().positive().describe('events beyond the cap of the attempt') }),
]);
export type RunEvent = z.output<typeof runEventSchema>;

/** A run event as it is kept: `seq` grows within the run and never repeats; `attempt` is where it was said. */
export const storedRunEventSchema = z.strictObject({
  seq: z.int().nonnegative(),
  attempt: z.int().positive(),
  at: timeSchema,
  event: runEventSchema,
});
export type StoredRunEvent = z.output<typeof storedRunEventSchema>;

/** A change of state, as the SSE stream says it. It carries no id: the row is the record. */
export const runStateEventSchema = z.strictObject({ state: runStateSchema, attempt: z.int(), at: timeSchema });
export type RunStateEvent = z.output<typeof runStateEventSchema>;
