import { z } from 'zod';

import { runSummarySchema } from './run-schemas.ts';
import { orgIdSchema, tierSchema, timeSchema } from './fields.ts';

/** What the operator sees: the manager's view, worker by worker. */

export const CONTAINER_STATES = ['starting', 'warm', 'busy', 'recycling', 'dead'] as const;
export type ContainerState = (typeof CONTAINER_STATES)[number];

/** Why a container died. */
export const CONTAINER_DEATHS = [
  'idle', 'recycled', 'timed_out', 'out_of_memory', 'cancelled', 'exited', 'crashed', 'evicted', 'shutdown',
] as const;
export type ContainerDeath = (typeof CONTAINER_DEATHS)[number];

export const containerSnapshotSchema = z.strictObject({
  id: z.string(),
  orgId: orgIdSchema,
  tier: tierSchema,
  state: z.enum(CONTAINER_STATES),
  death: z.enum(CONTAINER_DEATHS).nullable(),
  limitMb: z.int(),
  heapMb: z.number(),
  externalMb: z.number(),
  cpuMs: z.number().describe('since the container started'),
  runs: z.int().describe('runs executed so far'),
  runId: z.string().nullable().describe('the run it executes now'),
  ageMs: z.number(),
}).meta({ id: 'ContainerSnapshot' });
export type ContainerSnapshot = z.output<typeof containerSnapshotSchema>;

export const organizationRuntimeSnapshotSchema = z.strictObject({
  orgId: orgIdSchema,
  poolMb: z.int(),
  reservedMb: z.int(),
  containers: z.array(containerSnapshotSchema),
  deaths: z.partialRecord(z.enum(CONTAINER_DEATHS), z.int()).describe('containers that died, by reason, since the worker started'),
}).meta({ id: 'OrganizationRuntimeSnapshot' });
export type OrganizationRuntimeSnapshot = z.output<typeof organizationRuntimeSnapshotSchema>;

/** What a worker found out, by trying, about the walls it can build. */
export const isolationReportSchema = z.strictObject({
  at: timeSchema.describe('when it was tried'),
  probes: z.array(z.strictObject({ name: z.string(), works: z.boolean(), detail: z.string() })),
  tiers: z.array(
    z.strictObject({
      tier: tierSchema,
      isBuilt: z.boolean().describe('false: runs of this tier end with TIER_UNAVAILABLE on this worker'),
      target: z.string(),
      achieved: z.string(),
      cases: z.array(z.strictObject({ name: z.string(), passed: z.boolean() })).describe('of the self-test at the start'),
    }),
  ),
});
export type IsolationReport = z.output<typeof isolationReportSchema>;

/** A worker's heartbeat: sent every second over the live bus. */
export const workerSnapshotSchema = z.strictObject({
  id: z.string(),
  host: z.string(),
  pid: z.int(),
  startedAt: timeSchema,
  at: timeSchema,
  state: z.enum(['running', 'quiescing']),
  slots: z.int().describe('runs it may execute at once'),
  running: z.int(),
  rssMb: z.number(),
  eventLoopDelayMs: z.number().describe('p99 over the last heartbeat'),
  organizations: z.array(organizationRuntimeSnapshotSchema),
  isolation: isolationReportSchema.optional(),
}).meta({ id: 'WorkerSnapshot' });
export type WorkerSnapshot = z.output<typeof workerSnapshotSchema>;

export const queueCountsSchema = z.strictObject({ waiting: z.int(), delayed: z.int(), active: z.int() });
export type QueueCounts = z.output<typeof queueCountsSchema>;

/** `GET /api/admin/runtime/status`. */
export const runtimeStatusSchema = z.strictObject({
  at: timeSchema,
  queueBackend: z.enum(['redis', 'postgres']),
  workers: z.array(workerSnapshotSchema),
  organizations: z.array(
    z.strictObject({
      id: orgIdSchema,
      name: z.string(),
      poolMb: z.int(),
      reservedMb: z.int().describe('over all workers'),
      containers: z.int(),
      queue: queueCountsSchema,
    }),
  ),
  recentRuns: z.array(runSummarySchema),
}).meta({ id: 'RuntimeStatus' });
export type RuntimeStatus = z.output<typeof runtimeStatusSchema>;

/** One organization's last window. Percentiles are null where nothing finished. */
export const organizationMetricsSchema = z.strictObject({
  orgId: orgIdSchema,
  runs: z.int(),
  failures: z.int(),
  errorRatio: z.number(),
  p50Ms: z.number().nullable().describe('run wall time, median'),
  p95Ms: z.number().nullable(),
  queueWaitP95Ms: z.number().nullable(),
  cpuMs: z.number(),
  gbSeconds: z.number(),
});
export type OrganizationMetrics = z.output<typeof organizationMetricsSchema>;

/** `GET /api/admin/runtime/metrics`. */
export const runtimeMetricsSchema = z.strictObject({
  from: timeSchema,
  to: timeSchema,
  stepMs: z.int(),
  organizations: z.array(organizationMetricsSchema),
  series: z.array(z.strictObject({ at: timeSchema, orgId: orgIdSchema, runs: z.int(), failures: z.int() })),
}).meta({ id: 'RuntimeMetrics' });
export type RuntimeMetrics = z.output<typeof runtimeMetricsSchema>;

export const runtimeMetricsQuerySchema = z.strictObject({
  windowMs: z.coerce.number().int().min(60_000).max(7 * 86_400_000).default(3_600_000),
});
