import { z } from 'zod';

import { deploymentNameSchema } from './deployment-schemas.ts';
import { logEventSchema } from './event-schemas.ts';
import {
  agentNameSchema, backoffSchema, cursorSchema, delayMsSchema, fairnessKeySchema, maxAttemptsSchema, memoryMbSchema, nullableTimeSchema,
  orgIdSchema, pageLimitSchema, pageSchema, prioritySchema, runStateSchema, severalOf, tagSchema, tagsSchema, textSchema, tierSchema, timeSchema,
  timeoutMsSchema, ttlMsSchema,
} from './fields.ts';
import { killReceiptSchema } from './kill-receipt.ts';
import { runLimitsSchema } from './limit-schemas.ts';

/** In the middle: there is room before and after. */
export const DEFAULT_PRIORITY = 5;

/** Body of `POST /v1/runs`. What is left out comes from the agent version's manifest, then from the defaults. */
export const createRunSchema = z.strictObject({
  agent: agentNameSchema,
  // Not z.json(): the body came out of JSON.parse, and walking it again by recursion would overflow on deep nesting.
  input: z.unknown().default(null).describe('any JSON, handed to the agent as it is; at most 1 MiB'),
  version: z.int().positive().optional().describe('a version number of the agent'),
  deployment: deploymentNameSchema.optional().describe('instead of a version; where neither is given: `production`, or the newest version where there is no such deployment'),
  tier: tierSchema.optional(),
  timeoutMs: timeoutMsSchema.optional(),
  memoryMb: memoryMbSchema.optional(),
  limits: runLimitsSchema.optional().describe('of an attempt, within the caps of the version and of the organization'),
  maxAttempts: maxAttemptsSchema.optional(),
  backoff: backoffSchema.optional(),
  ttlMs: ttlMsSchema.optional(),
  delayMs: delayMsSchema.optional(),
  priority: prioritySchema.default(DEFAULT_PRIORITY),
  fairnessKey: fairnessKeySchema.optional(),
  metadata: z.record(z.string().max(64), z.string().max(512)).default({}).describe('kept with the run, at most 16 KiB'),
  tags: tagsSchema.default([]),
}).meta({ id: 'CreateRun' });
export type CreateRunRequest = z.input<typeof createRunSchema>;
export type CreateRun = z.output<typeof createRunSchema>;

/**
 * What one attempt used, measured from outside the agent. GB-s is memory held (its limit) times wall time. In tier strict
 * `peakHeapMb` is what the whole process grew by, heap and external memory together: from outside they are one.
 */
export const usageSchema = z.strictObject({
  wallMs: z.number().min(0),
  cpuMs: z.number().min(0),
  peakHeapMb: z.number().min(0),
  peakExternalMb: z.number().min(0),
  gbSeconds: z.number().min(0),
  egressRequests: z.int().min(0).optional().describe('requests and tunnels through the egress proxy; left out where the version may connect nowhere'),
  egressBytesIn: z.int().min(0).optional().describe('received through the proxy, heads included'),
  egressBytesOut: z.int().min(0).optional().describe('sent through it'),
}).meta({ id: 'RunUsage' });
export type RunUsage = z.output<typeof usageSchema>;

/** How a run or an attempt failed. `code` is from docs/errors.md; `stack` is the agent's own. */
export const runErrorSchema = z.strictObject({
  code: z.string(),
  message: z.string(),
  stack: z.string().optional(),
}).meta({ id: 'RunError' });
export type RunError = z.output<typeof runErrorSchema>;

export const runSchema = z.strictObject({
  id: z.string(),
  orgId: orgIdSchema,
  agent: agentNameSchema,
  version: z.int(),
  state: runStateSchema,
  tier: tierSchema,
  attempt: z.int().describe('attempts begun so far'),
  maxAttempts: z.int(),
  timeoutMs: z.int(),
  memoryMb: z.int(),
  limits: runLimitsSchema.describe('of an attempt, beside timeoutMs and memoryMb'),
  input: z.unknown(),
  result: z.unknown(),
  error: runErrorSchema.nullable().describe('why the run, or its last attempt so far, failed'),
  usage: usageSchema.nullable().describe('of the last attempt'),
  kill: killReceiptSchema.nullable().describe('of the last attempt that had to be killed'),
  priority: z.int(),
  fairnessKey: z.string().nullable(),
  metadata: z.record(z.string(), z.string()),
  tags: z.array(z.string()),
  workerId: z.string().nullable(),
  traceId: z.string().nullable().describe('of the trace that the run belongs to: that of the request which made it; null where there was none'),
  queuedAt: timeSchema,
  notBefore: nullableTimeSchema.describe('earliest next start, of a scheduled or retrying run'),
  expiresAt: nullableTimeSchema,
  claimedAt: nullableTimeSchema.describe('when a worker took the last attempt'),
  startedAt: nullableTimeSchema.describe('when the agent was called in the last attempt'),
  finishedAt: nullableTimeSchema,
}).meta({ id: 'Run' });
export type Run = z.output<typeof runSchema>;

/** A run in a list: without its input and result. */
export const runSummarySchema = runSchema.omit({ input: true, result: true }).meta({ id: 'RunSummary' });
export type RunSummary = z.output<typeof runSummarySchema>;

/** `customer:42`: a name and, after the first colon, its value. */
const metadataPairSchema = textSchema.max(577).regex(/^[^:]+:/, 'a name, a colon and a value');

/** Query of `GET /v1/runs`: all conditions must hold. */
export const listRunsSchema = z.strictObject({
  state: severalOf(runStateSchema).optional().describe('one of these'),
  agent: agentNameSchema.optional(),
  version: z.coerce.number().int().positive().optional(),
  tag: severalOf(tagSchema).optional().describe('all of these'),
  errorCode: textSchema.max(64).optional(),
  fairnessKey: textSchema.max(64).optional(),
  metadata: severalOf(metadataPairSchema).transform((pairs, { addIssue }) => {
    const values = Object.fromEntries(pairs.map((pair) => [pair.slice(0, pair.indexOf(':')), pair.slice(pair.indexOf(':') + 1)]));
    // No run has two values of one name; to look for one of them only would list runs that do not have the other.
    if (Object.keys(values).length < new Set(pairs).size) addIssue({ code: 'custom', message: 'gives one name two values' });
    return values;
  })
    .optional().describe('all of these, each as `name:value`'),
  queuedAfter: timeSchema.optional(),
  queuedBefore: timeSchema.optional(),
  cursor: cursorSchema.optional(),
  limit: pageLimitSchema,
});
export type ListRuns = z.output<typeof listRunsSchema>;

export const runPageSchema = pageSchema(runSummarySchema);
export type RunPage = z.output<typeof runPageSchema>;

/** `?wait=` of `POST /v1/runs`: `30s`, `1500ms`, `1m` or plain milliseconds; at most 60 s. Gives milliseconds. */
export const waitSchema = z.string().regex(/^\d+(ms|s|m)?$/, 'a duration such as 30s, 1500ms or 1m').transform((text) => {
  const unitMs = text.endsWith('ms') ? 1 : text.endsWith('s') ? 1000 : text.endsWith('m') ? 60_000 : 1;
  return Math.min(60_000, Number.parseInt(text, 10) * unitMs);
});

/** Answer of `GET /v1/runs/{id}/logs`: oldest first; `nextAfter` is null where there were no more when it was asked. */
export const runLogsSchema = z.strictObject({
  items: z.array(z.strictObject({ seq: z.int(), attempt: z.int(), at: timeSchema, event: logEventSchema })),
  nextAfter: z.int().nullable(),
}).meta({ id: 'RunLogs' });
export type RunLogs = z.output<typeof runLogsSchema>;
