import { z } from 'zod';

import { memoryMbSchema, timeoutMsSchema } from './fields.ts';
import { SIZE_CAPS } from './limits.ts';

const MIB = 1024 * 1024;

/**
 * What one attempt may use, beside its time (`timeoutMs`) and its memory (`memoryMb`). Each has an end of its own: beyond
 * it the attempt is killed with the code named here. What is left out is not limited for this run; the caps of the
 * platform (`SIZE_CAPS`) hold all the same.
 */
export const runLimitsSchema = z.strictObject({
  cpuMs: z.int().min(1).max(7 * 86_400_000).describe('CPU time, ms; then cpu_exceeded, CPU_EXCEEDED'),
  externalMb: z.int().min(1).max(4096).describe('memory outside the heap (buffers, WebAssembly), MB; memoryMb where left out; then out_of_memory, EXTERNAL_MEMORY_EXCEEDED'),
  resultBytes: z.int().min(2).max(SIZE_CAPS.resultBytes).describe('the result as JSON; then failed, RESULT_TOO_LARGE'),
  logBytes: z.int().min(1).max(SIZE_CAPS.eventBytesPerAttempt).describe('log lines and events of an attempt as JSON; then failed, LOG_VOLUME_EXCEEDED'),
  eventsPerSecond: z.int().min(1).max(100_000).describe('log lines and events within one second; then failed, EVENT_RATE_EXCEEDED'),
  egressBytes: z.int().min(0).max(1024 * 1024 * MIB).describe('sent and received through ctx.fetch; then failed, EGRESS_BYTES_EXCEEDED'),
  egressRequests: z.int().min(0).max(1_000_000).describe('requests of ctx.fetch; then failed, EGRESS_REQUESTS_EXCEEDED'),
}).partial();
export type AttemptLimits = z.output<typeof runLimitsSchema>;
export type AttemptLimitName = keyof AttemptLimits;

/** The most that may be asked for. What is left out has no cap of its own. */
export const limitCapsSchema = runLimitsSchema.extend({ timeoutMs: timeoutMsSchema.optional(), memoryMb: memoryMbSchema.optional() });
export type LimitCaps = z.output<typeof limitCapsSchema>;
