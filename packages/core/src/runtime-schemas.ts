import { z } from 'zod';

import { runSummarySchema } from './run-schemas.ts';
import { alertSchema } from './alerts/alert-schemas.ts';
import { orgIdSchema, tierSchema, timeSchema } from './fields.ts';
import { healthReportSchema } from './health/score.ts';

/** What the operator sees: the manager's view, worker by worker. */

export const CONTAINER_STATES = ['starting', 'warm', 'busy', 'recycling', 'dead'] as const;
export type ContainerState = (typeof CONTAINER_STATES)[number];

/** Why a container died. */
export const CONTAINER_DEATHS = [
  'idle', 'recycled', 'leaking', 'timed_out', 'out_of_memory', 'cancelled', 'killed', 'exited', 'crashed', 'evicted', 'shutdown',
] as const;
export type ContainerDeath = (typeof CONTAINER_DEATHS)[number];

/** A score of 0 to 100 with what it is made of; see `scoreHealth`. */
export const containerHealthSchema = z.strictObject({
  score: z.number().min(0).max(100),
  reason: z.string(),
  components: z.array(z.strictObject({ name: z.string(), value: z.number().nullable(), score: z.number().nullable() })),
});
export type ContainerHealth = z.output<typeof containerHealthSchema>;

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
  reserveMb: z.number().describe('of the pool, for its run or, idle, its last one'),
  baselineMb: z.number().describe('the least that it held after one of its last runs: what is never given back'),
  eventLoopDelayMs: z.number().nullable().describe('how long its event loop last took to answer, or has not answered; null: not measured'),
  health: containerHealthSchema,
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
  platform: z.string().describe('such as `linux x64`; other systems than Linux are for development only'),
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
      health: healthReportSchema,
    }),
  ),
  recentRuns: z.array(runSummarySchema),
  workerHealth: z.record(z.string(), healthReportSchema).describe('by worker id'),
  health: healthReportSchema.describe('of the system'),
  alerts: z.array(alertSchema).describe('pending and firing, most severe first'),
}).meta({ id: 'RuntimeStatus' });
export type RuntimeStatus = z.output<typeof runtimeStatusSchema>;

const nullableMs = z.number().nullable();

/** What the finished runs of a window add up to. Percentiles are within 1 %, and null where nothing was measured. */
export const runFiguresSchema = z.strictObject({
  runs: z.int(),
  failures: z.int().describe('ended by the agent or a limit; not those that their caller cancelled or let expire'),
  errorRatio: z.number(),
  runsPerS: z.number(),
  p50Ms: nullableMs.describe('run wall time, median'),
  p90Ms: nullableMs,
  p95Ms: nullableMs,
  p99Ms: nullableMs,
  cpuP50Ms: nullableMs,
  cpuP95Ms: nullableMs,
  queueWaitP50Ms: nullableMs,
  queueWaitP95Ms: nullableMs,
  queueWaitP99Ms: nullableMs,
  worstQueueWaitMs: z.number(),
  wallMs: z.number().describe('sum'),
  cpuMs: z.number().describe('sum'),
  gbSeconds: z.number(),
  resourceSeconds: z.number().describe('GB-s of memory held + CPU-s: what fairness is measured in'),
  egressBytes: z.number(),
  tokens: z.number(),
});
export type RunFigures = z.output<typeof runFiguresSchema>;

export const organizationMetricsSchema = runFiguresSchema.extend({ orgId: orgIdSchema });
export type OrganizationMetrics = z.output<typeof organizationMetricsSchema>;

export const workerMetricsSchema = z.strictObject({
  workerId: z.string(),
  runs: z.int().describe('finished in the window'),
  failures: z.int(),
  slotUtilisation: z.number().nullable().describe('mean of running over slots'),
  meanRunning: z.number(),
  mostMb: z.number().describe('highest resident memory'),
  cpuUtilisation: z.number().nullable().describe('CPU-s of its process per second'),
  worstEventLoopDelayMs: z.number(),
});
export type WorkerMetrics = z.output<typeof workerMetricsSchema>;

export const METRIC_GROUPINGS = ['organization', 'agent', 'version', 'outcome', 'tier', 'worker'] as const;
export type MetricGrouping = (typeof METRIC_GROUPINGS)[number];

/** `GET /api/admin/runtime/metrics`. */
export const runtimeMetricsSchema = z.strictObject({
  from: timeSchema,
  to: timeSchema,
  stepMs: z.int(),
  completeUntil: timeSchema.describe('what finished after this is not in here yet'),
  groupBy: z.enum(METRIC_GROUPINGS),
  total: runFiguresSchema,
  fairness: z.strictObject({
    jain: z.number().nullable().describe('Jain index of resource-seconds over organizations, 1: all alike; null with fewer than two'),
    organizations: z.int().describe('that used anything'),
  }),
  utilisation: z.strictObject({
    slots: z.number().nullable().describe('mean of running over slots, all workers'),
    memory: z.number().nullable().describe('mean of reserved over pools of the organizations that held anything'),
  }).describe('of windows of a day at most; null beyond, and where no worker told'),
  timeline: z.array(z.strictObject({
    at: timeSchema, runs: z.int(), failures: z.int(), p50Ms: nullableMs, p95Ms: nullableMs, queueWaitP95Ms: nullableMs,
  })).describe('all of the selection, per step; steps without runs are left out'),
  groups: z.array(runFiguresSchema.extend({ key: z.string() })).describe('those that used most, `limit` at most; empty where grouped by worker'),
  groupCount: z.int().describe('groups in all'),
  organizations: z.array(organizationMetricsSchema).describe('the groups, where they are organizations'),
  series: z.array(z.strictObject({ at: timeSchema, orgId: orgIdSchema, runs: z.int(), failures: z.int() }))
    .describe('per step, of the organizations listed; of windows of a day at most'),
  workers: z.array(workerMetricsSchema).describe('where grouped by worker'),
}).meta({ id: 'RuntimeMetrics' });
export type RuntimeMetrics = z.output<typeof runtimeMetricsSchema>;

const LONGEST_WINDOW_MS = 400 * 86_400_000;

/** A time, or a window that ends now; a step, or one that makes about a hundred points. */
export const runtimeMetricsQuerySchema = z.strictObject({
  from: timeSchema.optional(),
  to: timeSchema.optional(),
  windowMs: z.coerce.number().int().min(60_000).max(LONGEST_WINDOW_MS).default(3_600_000).describe('before `to`, where `from` is left out'),
  stepMs: z.coerce.number().int().min(10_000).max(LONGEST_WINDOW_MS).multipleOf(10_000).optional(),
  groupBy: z.enum(METRIC_GROUPINGS).default('organization'),
  orgId: orgIdSchema.optional().describe('of one organization only'),
  limit: z.coerce.number().int().min(1).max(1000).default(200).describe('groups listed'),
});
export type RuntimeMetricsQuery = z.output<typeof runtimeMetricsQuerySchema>;

/** `GET /v1/usage`: what an organization used, for itself. */
export const usageQuerySchema = runtimeMetricsQuerySchema.omit({ orgId: true, groupBy: true, limit: true })
  .extend({ groupBy: z.enum(['agent', 'version', 'outcome', 'tier']).default('agent') });
export type UsageQuery = z.output<typeof usageQuerySchema>;
/** As a caller writes it: what has a default may be left out. */
export type UsageQueryInput = Partial<UsageQuery>;

export const usageReportSchema = runtimeMetricsSchema.pick({ from: true, to: true, stepMs: true, completeUntil: true, total: true, timeline: true })
  .extend({ orgId: orgIdSchema, groupBy: z.enum(['agent', 'version', 'outcome', 'tier']), groups: z.array(runFiguresSchema.extend({ key: z.string() })) });
export type UsageReport = z.output<typeof usageReportSchema>;
