import type { Clock, Organization, RuntimeStatus, WorkerSnapshot } from '@bullpen/core';
import { adminListOrganizations, adminListRecentRuns, type Database } from '@bullpen/db';
import type { RunQueue } from '@bullpen/queue';

import type { WorkerRegistry } from './worker-registry.ts';

const RECENT_RUNS = 50;
const MOST_ORGANIZATIONS = 1000;

export interface RuntimeStatusDeps {
  db: Database;
  queue: RunQueue;
  workers: WorkerRegistry;
  clock: Clock;
}

/** What an operator sees first: organizations, workers, containers, queues and the latest runs. */
export async function readRuntimeStatus({ db, queue, workers, clock }: RuntimeStatusDeps): Promise<RuntimeStatus> {
  const [page, recentRuns] = await Promise.all([
    adminListOrganizations(db, { limit: MOST_ORGANIZATIONS }),
    adminListRecentRuns(db, RECENT_RUNS),
  ]);
  const counts = await queue.counts(page.items.map((organization) => organization.id));
  const live = workers.workers();
  return {
    at: new Date(clock.nowMs()).toISOString(),
    queueBackend: queue.backend,
    workers: live,
    organizations: page.items.map((organization) => ({
      ...held(organization, live),
      queue: counts.get(organization.id) ?? { waiting: 0, delayed: 0, active: 0 },
    })),
    recentRuns,
  };
}

function held({ id, name, poolMb }: Organization, workers: readonly WorkerSnapshot[]) {
  const runtimes = workers.flatMap((worker) => worker.organizations.filter((runtime) => runtime.orgId === id));
  return {
    id,
    name,
    poolMb,
    reservedMb: runtimes.reduce((sum, runtime) => sum + runtime.reservedMb, 0),
    containers: runtimes.reduce((sum, runtime) => sum + runtime.containers.filter((container) => container.state !== 'dead').length, 0),
  };
}
