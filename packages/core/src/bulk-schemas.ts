import { z } from 'zod';

import { agentNameSchema, runStateSchema, tagSchema, textSchema, timeSchema } from './fields.ts';

/** Which runs of an organization: all conditions must hold. At least one must be given, so that nobody means all by mistake. */
export const runFilterSchema = z.strictObject({
  states: z.array(runStateSchema).min(1).optional(),
  agent: agentNameSchema.optional(),
  version: z.int().positive().optional(),
  tags: z.array(tagSchema).min(1).max(20).optional().describe('all of them must be among the run\'s'),
  errorCode: textSchema.max(64).optional(),
  fairnessKey: textSchema.max(64).optional(),
  metadata: z.record(textSchema.max(64), textSchema.max(512)).refine((pairs) => Object.keys(pairs).length > 0, 'give at least one pair').optional().describe('every pair must be among the run\'s'),
  queuedAfter: timeSchema.optional(),
  queuedBefore: timeSchema.optional(),
}).refine((filter) => Object.values(filter).some((one) => one !== undefined), 'give at least one condition');
export type RunFilter = z.output<typeof runFilterSchema>;

/** Runs that one call cancels or replays, at most; `truncated` says that there are more, and the same call goes on. */
export const MOST_BULK_RUNS = 10_000;

/** Body of `POST /v1/runs/cancel`. */
export const bulkRequestSchema = z.strictObject({
  filter: runFilterSchema,
  dryRun: z.boolean().default(false).describe('only count'),
  limit: z.int().min(1).max(MOST_BULK_RUNS).default(MOST_BULK_RUNS).describe('so many at most, the newest first'),
}).meta({ id: 'BulkRequest' });
export type BulkRequest = z.output<typeof bulkRequestSchema>;

/** A run is replayed once, however often its filter is sent; a replay that matches is a run like any other. */
export const bulkReplaySchema = bulkRequestSchema.extend({
  again: z.boolean().default(false).describe('also runs that were replayed before'),
}).meta({ id: 'BulkReplay' });
export type BulkReplay = z.output<typeof bulkReplaySchema>;

export const bulkResultSchema = z.strictObject({
  matched: z.int().describe('within the limit; of those to replay: without those that were replayed before'),
  done: z.int().describe('cancelled or asked to stop; replayed. 0 in a dry run'),
  skipped: z.int().describe('ended, or could not be, in between'),
  truncated: z.boolean(),
  runIds: z.array(z.string()).describe('the first hundred: those that match in a dry run, else those that were done'),
}).meta({ id: 'BulkResult' });
export type BulkResult = z.output<typeof bulkResultSchema>;
