import { z } from 'zod';

import { nullableTimeSchema, timeSchema } from './fields.ts';

/** Who asks for a container to be killed while it runs an attempt. */
export const KILL_CAUSES = ['deadline', 'limit', 'cancel', 'operator', 'pool_pressure', 'shutdown', 'lease_lost', 'cell_lost', 'fault'] as const;
export type KillCause = (typeof KILL_CAUSES)[number];

/**
 * That an attempt did not end by itself, and what became of it. `terminate` ends a thread's JavaScript; `SIGKILL` ends a
 * process, native call or not, stopped or not.
 */
export const killReceiptSchema = z.strictObject({
  attempt: z.int().positive(),
  by: z.enum(KILL_CAUSES),
  detail: z.string().describe('in words: which limit, who asked'),
  requestedAt: timeSchema,
  signal: z.enum(['terminate', 'SIGKILL']),
  deadAt: nullableTimeSchema.describe('when nothing of the container was left; null where it was still there when the outcome was written'),
  reclaimedMb: z.number().min(0).describe('memory that the container held when it was last read, free again at deadAt'),
});
export type KillReceipt = z.output<typeof killReceiptSchema>;
