/**
 * What the health of a thing is made of. Thresholds are wide on purpose: under normal load, a busy machine included, every
 * component is inside its healthy range, and the score between 90 and 100.
 */

/** One organization, over the last minutes. */
export const ORGANIZATION_HEALTH = [
  { name: 'successRatio', unit: 'ratio', weight: 35, healthyAt: 0.97, failedAt: 0.5 },
  { name: 'queueWaitP95Ms', unit: 'ms', weight: 25, healthyAt: 2000, failedAt: 60_000 },
  // Times the median of the day before: a p95 that doubles on a quiet afternoon is no fault yet.
  { name: 'latencyOverBaseline', unit: 'times', weight: 15, healthyAt: 2, failedAt: 10 },
  { name: 'killedRatio', unit: 'ratio', weight: 15, healthyAt: 0.01, failedAt: 0.2 },
  // A full pool alone is a pool that is used; what waits for it shows in the queue wait.
  { name: 'poolSaturationRatio', unit: 'ratio', weight: 10, healthyAt: 0.9, failedAt: 1.1 },
] as const;

/** One worker process, by its heartbeats. */
export const WORKER_HEALTH = [
  { name: 'heartbeatAgeMs', unit: 'ms', weight: 35, healthyAt: 3000, failedAt: 10_000, critical: true },
  { name: 'eventLoopDelayMs', unit: 'ms', weight: 25, healthyAt: 100, failedAt: 2000 },
  { name: 'crashesPerMinute', unit: 'per minute', weight: 25, healthyAt: 1, failedAt: 20 },
  { name: 'slotSaturationRatio', unit: 'ratio', weight: 15, healthyAt: 0.95, failedAt: 1.15 },
] as const;

/** All of it. */
export const SYSTEM_HEALTH = [
  { name: 'heartbeatsRatio', unit: 'ratio', weight: 25, healthyAt: 1, failedAt: 0, critical: true },
  { name: 'successRatio', unit: 'ratio', weight: 20, healthyAt: 0.97, failedAt: 0.5 },
  { name: 'queueWaitP95Ms', unit: 'ms', weight: 20, healthyAt: 2000, failedAt: 60_000 },
  { name: 'healthyOrganizationsRatio', unit: 'ratio', weight: 15, healthyAt: 0.95, failedAt: 0.3 },
  { name: 'postgresMs', unit: 'ms', weight: 10, healthyAt: 100, failedAt: 3000 },
  { name: 'slotSaturationRatio', unit: 'ratio', weight: 10, healthyAt: 0.95, failedAt: 1.15 },
] as const;

/** One container, by its last readings. */
export const CONTAINER_HEALTH = [
  { name: 'memoryRatio', unit: 'ratio', weight: 35, healthyAt: 0.9, failedAt: 1.25 },
  { name: 'eventLoopDelayMs', unit: 'ms', weight: 30, healthyAt: 250, failedAt: 5000 },
  // What is left after runs: what grows here is never given back.
  { name: 'baselineRatio', unit: 'ratio', weight: 35, healthyAt: 0.5, failedAt: 1 },
] as const;
