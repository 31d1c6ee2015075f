import { z } from 'zod';

/**
 * What travels through the queue: a pointer, never the input. Postgres is the record, the queue is the transport.
 * The BullMQ job id is the run id, so that adding a run twice is adding it once.
 */
export const runJobSchema = z.strictObject({
  orgId: z.string(),
  runId: z.string(),
  memoryMb: z.int().positive().describe('what a worker must reserve before it takes the run'),
});
export type RunJob = z.output<typeof runJobSchema>;

/** A run on its way into the queue. */
export interface EnqueuedRun extends RunJob {
  /** Wait at least this long before a worker may take it; 0 for at once. */
  delayMs: number;
}
