import { z } from 'zod';

import { runStateEventSchema, storedRunEventSchema } from './event-schemas.ts';
import { runSchema } from './run-schemas.ts';

/** What the end of an attempt leaves in the row of its run. */
export const runEndSchema = runSchema.pick({ state: true, attempt: true, workerId: true, claimedAt: true, startedAt: true, finishedAt: true, result: true, error: true, usage: true, kill: true });
export type RunEnd = z.output<typeof runEndSchema>;

/**
 * What goes over the live bus about one run. Hints only: whoever misses one finds the same in Postgres. With the end of a run
 * comes what it left, where that is known and small, sent after it was written: who waits for it need not read it.
 */
export const liveRunMessageSchema = z.discriminatedUnion('kind', [
  z.strictObject({ kind: z.literal('events'), events: z.array(storedRunEventSchema) }),
  z.strictObject({ kind: z.literal('state'), change: runStateEventSchema, end: runEndSchema.optional() }),
]);
export type LiveRunMessage = z.output<typeof liveRunMessageSchema>;

/** Sent to the worker that executes the run. */
export const cancelMessageSchema = z.strictObject({ orgId: z.string(), runId: z.string() });
export type CancelMessage = z.output<typeof cancelMessageSchema>;
