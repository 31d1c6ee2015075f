import type { Clock, HealthLevel, HealthReport, Organization, RuntimeStatus, WorkerSnapshot } from '@bullpen/core';
import { adminListOrganizations, adminListRecentRuns, listAlerts, type Database } from '@bullpen/db';
import { organizationHealth, systemHealth, workerHealth } from '@bullpen/metrics';
import type { RunQueue } from '@bullpen/queue';

import type { RecentFigures, RecentFiguresReader } from './recent-figures.ts';
import type { WorkerRegistry } from './worker-registry.ts';

const RECENT_RUNS = 50;
const MOST_ORGANIZATIONS = 1000;
const MOST_ALERTS = 100;

export interface RuntimeStatusDeps {
  db: Database;
  queue: RunQueue;
  workers: WorkerRegistry;
  figures: RecentFiguresReader;
  clock: Clock;
}

/** Levels of the document before, so that they do not flap. */
export interface EarlierLevels {
  readonly levels: Map<string, HealthLevel>;
}

/** What an operator sees first: organizations, workers, containers, queues, health, alerts and the latest runs, as of one moment. */
export async function readRuntimeStatus(deps: RuntimeStatusDeps, earlier: EarlierLevels): Promise<RuntimeStatus> {
  const { db, queue, workers, clock } = deps;
  const startedMs = clock.monotonicMs();
  const page = await adminListOrganizations(db, { limit: MOST_ORGANIZATIONS });
  const postgresMs = clock.monotonicMs() - startedMs;
  const [recentRuns, counts, alerts, figures] = await Promise.all([
    adminListRecentRuns(db, RECENT_RUNS),
    queue.counts(page.items.map((organization) => organization.id)),
    listAlerts(db, null, { state: 'open', limit: MOST_ALERTS }),
    deps.figures.read(),
  ]);
  const live = workers.workers();
  const nowMs = clock.nowMs();
  const remember = (key: string, judge: (previous?: HealthLevel) => HealthReport): HealthReport => {
    const report = judge(earlier.levels.get(key));
    earlier.levels.set(key, report.level);
    return report;
  };
  const held = heldByOrganization(live);
  const organizations = page.items.map((organization) => {
    const of = held.get(organization.id) ?? NOTHING_HELD;
    return {
      id: organization.id, name: organization.name, poolMb: organization.poolMb, reservedMb: of.reservedMb, containers: of.containers,
      queue: counts.get(organization.id) ?? { waiting: 0, delayed: 0, active: 0 },
      health: shortened(remember(`organization/${organization.id}`, (previous) => organizationHealth(factsOf(organization, of, figures), previous))),
    };
  });
  const judged = live.map((worker) => ({ worker, health: remember(`worker/${worker.id}`, (previous) => workerHealth(worker, nowMs, previous)) }));
  const health = remember('system', (previous) => systemHealth({ workers: judged, organizations: organizations.map((one) => one.health), recent: figures.total, postgresMs }, previous));
  return {
    at: new Date(nowMs).toISOString(), queueBackend: queue.backend, workers: live, organizations, recentRuns,
    workerHealth: Object.fromEntries(judged.map((one) => [one.worker.id, one.health])), health, alerts,
  };
}

/** Without what is not known: of a thousand idle organizations that is most of the document. */
function shortened(report: HealthReport): HealthReport {
  return { ...report, components: report.components.filter(({ score }) => score !== null) };
}

interface Held {
  reservedMb: number;
  containers: number;
  poolMb: number;
}

const NOTHING_HELD: Readonly<Held> = Object.freeze({ reservedMb: 0, containers: 0, poolMb: 0 });

function heldByOrganization(workers: readonly WorkerSnapshot[]): Map<string, Held> {
  const held = new Map<string, Held>();
  for (const { organizations } of workers) {
    for (const { orgId, reservedMb, poolMb, containers } of organizations) {
      const before = held.get(orgId) ?? NOTHING_HELD;
      const alive = containers.filter((container) => container.state !== 'dead').length;
      held.set(orgId, { reservedMb: before.reservedMb + reservedMb, containers: before.containers + alive, poolMb: before.poolMb + poolMb });
    }
  }
  return held;
}

function factsOf({ id }: Organization, { reservedMb, poolMb }: Held, { recent, usual, killed }: RecentFigures) {
  const ofOne = recent.get(id) ?? null;
  return { recent: ofOne, usual: usual.get(id) ?? null, killed: ofOne === null ? null : killed.get(id) ?? 0, reservedMb, poolMb };
}
