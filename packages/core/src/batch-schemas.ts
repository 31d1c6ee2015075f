import { z } from 'zod';

import { createRunSchema, runSummarySchema } from './run-schemas.ts';

/** Runs in one batch, at most. */
export const MOST_BATCH_RUNS = 1000;

/** 1 to 255 visible ASCII characters. */
export const idempotencyKeySchema = z.string().regex(/^[\x21-\x7e]{1,255}$/, '1 to 255 visible ASCII characters');

/** Body of `POST /v1/runs/batch`: all of them, or none. */
export const createRunBatchSchema = z.strictObject({
  runs: z.array(createRunSchema.extend({
    idempotencyKey: idempotencyKeySchema.optional().describe('of this run; else it follows from the batch\'s own key and the place in it'),
  })).min(1).max(MOST_BATCH_RUNS),
});
export type CreateRunBatch = z.output<typeof createRunBatchSchema>;
export type CreateRunBatchRequest = z.input<typeof createRunBatchSchema>;

export const runBatchSchema = z.strictObject({
  created: z.int().describe('how many are new'),
  runs: z.array(z.strictObject({ run: runSummarySchema, created: z.boolean().describe('false: its idempotency key was used before, and this is the run of that time') })),
});
export type RunBatch = z.output<typeof runBatchSchema>;

/** Answer of `POST /v1/organizations/{id}/drain`. */
export const drainResultSchema = z.strictObject({ cancelled: z.int().describe('runs that waited and are cancelled now') });
export type DrainResult = z.output<typeof drainResultSchema>;
