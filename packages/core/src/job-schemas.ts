import { z } from 'zod';

import { DEFAULT_PRIORITY } from './run-schemas.ts';

/**
 * What travels through the queue: a pointer, never the input. Postgres is the record, the queue is the transport.
 * The BullMQ job id is the run id, so that adding a run twice is adding it once; the organization is the queue's.
 */
export const runJobSchema = z.object({
  memoryMb: z.int().positive().describe('what a worker must reserve before it takes the run'),
  agent: z.string().optional().describe('whose average cost is charged at the start of the run'),
  version: z.int().positive().optional().describe('of the agent: what its runs before held says what this one reserves'),
});
export type RunJob = z.output<typeof runJobSchema>;

/** A run on its way into the queue. */
export interface EnqueuedRun extends RunJob {
  orgId: string;
  runId: string;
  /** Wait at least this long before a worker may take it; 0 for at once. */
  delayMs: number;
  /** 1 (first) to 10 (last) within its organization; 5 where left out. */
  priority?: number;
  /** The end user, or whatever else shares an organization's turn fairly with others of its kind. */
  fairnessKey?: string;
}

/** What the row of a run says of its job. A priority in the middle is left out: such runs take the queue's fast path. */
export function toEnqueuedRun(run: {
  orgId: string; runId: string; agent: string; version: number; memoryMb: number; priority: number; fairnessKey: string | null; delayMs: number;
}): EnqueuedRun {
  const { priority, fairnessKey, ...rest } = run;
  return {
    ...rest,
    ...(priority === DEFAULT_PRIORITY ? {} : { priority }),
    ...(fairnessKey === null ? {} : { fairnessKey }),
  };
}
