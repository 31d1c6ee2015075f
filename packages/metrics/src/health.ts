import {
  ORGANIZATION_HEALTH, SYSTEM_HEALTH, WORKER_HEALTH, scoreHealth,
  type ContainerDeath, type HealthLevel, type HealthReport, type RunFigures, type WorkerSnapshot,
} from '@bullpen/core';

/** What is known of an organization at a moment; null where nothing is. */
export interface OrganizationFacts {
  /** Of the last minutes. */
  recent: RunFigures | null;
  /** Of the day before: what is usual here. */
  usual: RunFigures | null;
  killed: number | null;
  reservedMb: number;
  /** On all workers that hold something of it. */
  poolMb: number;
}

/** A p95 below this is no trouble, however many times the usual it is. */
const SHORTEST_BASELINE_MS = 50;
/** Of so few runs no ratio says much. */
const FEWEST_RUNS = 5;

export function organizationHealth(facts: OrganizationFacts, previous?: HealthLevel): HealthReport {
  const { recent, usual, killed, reservedMb, poolMb } = facts;
  const enough = recent !== null && recent.runs >= FEWEST_RUNS;
  return scoreHealth(ORGANIZATION_HEALTH, {
    successRatio: enough ? 1 - recent.errorRatio : null,
    queueWaitP95Ms: recent?.queueWaitP95Ms ?? null,
    latencyOverBaseline: !enough || recent.p95Ms === null || usual?.p95Ms == null ? null : recent.p95Ms / Math.max(SHORTEST_BASELINE_MS, usual.p95Ms),
    killedRatio: enough && killed !== null ? killed / recent.runs : null,
    poolSaturationRatio: poolMb === 0 ? null : reservedMb / poolMb,
  }, previous);
}

const FAULTS: readonly ContainerDeath[] = ['exited', 'crashed'];

/** By what a worker says of itself, and how long ago it said so. */
export function workerHealth(worker: WorkerSnapshot, nowMs: number, previous?: HealthLevel): HealthReport {
  const minutes = Math.max(1, (nowMs - Date.parse(worker.startedAt)) / 60_000);
  const faults = worker.organizations.reduce((sum, { deaths }) => sum + FAULTS.reduce((ofOne, death) => ofOne + (deaths[death] ?? 0), 0), 0);
  return scoreHealth(WORKER_HEALTH, {
    heartbeatAgeMs: Math.max(0, nowMs - Date.parse(worker.at)),
    eventLoopDelayMs: worker.eventLoopDelayMs,
    crashesPerMinute: faults / minutes,
    slotSaturationRatio: worker.slots === 0 ? null : worker.running / worker.slots,
  }, previous);
}

export interface SystemFacts {
  workers: readonly { worker: WorkerSnapshot; health: HealthReport }[];
  organizations: readonly HealthReport[];
  /** Of all organizations, the last minutes. */
  recent: RunFigures | null;
  postgresMs: number | null;
}

export function systemHealth({ workers, organizations, recent, postgresMs }: SystemFacts, previous?: HealthLevel): HealthReport {
  const slots = workers.reduce((sum, { worker }) => sum + worker.slots, 0);
  const running = workers.reduce((sum, { worker }) => sum + worker.running, 0);
  return scoreHealth(SYSTEM_HEALTH, {
    // Without a worker nothing runs: that is as bad as it gets, not unknown.
    heartbeatsRatio: workers.length === 0 ? 0 : workers.filter(({ health }) => health.level !== 'unhealthy').length / workers.length,
    successRatio: recent !== null && recent.runs >= FEWEST_RUNS ? 1 - recent.errorRatio : null,
    queueWaitP95Ms: recent?.queueWaitP95Ms ?? null,
    healthyOrganizationsRatio: organizations.length === 0 ? null : organizations.filter(({ level }) => level === 'healthy').length / organizations.length,
    postgresMs,
    slotSaturationRatio: slots === 0 ? null : running / slots,
  }, previous);
}
