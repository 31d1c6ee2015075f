import { explainWait, type Clock, type RunSummary, type VersionStanding, type Why } from '@bullpen/core';
import { countRunsAhead, getOrganization, getRun, listRecentStarts, readVersionPlaces, type Database } from '@bullpen/db';
import type { RunQueue } from '@bullpen/queue';

import type { WorkerRegistry } from '../admin/worker-registry.ts';

export interface WhyDeps {
  db: Database;
  queue: RunQueue;
  workers: WorkerRegistry;
  clock: Clock;
}

const STARTS = 50;

/** Puts the facts together from where dispatch has them, and explains. @throws BullpenError NOT_FOUND */
export async function whyWaiting({ db, queue, workers, clock }: WhyDeps, orgId: string, runId: string): Promise<Why> {
  const run = await getRun(db, orgId, runId);
  const [organization, standing, runsAhead, recentStartsMs, version] = await Promise.all([
    getOrganization(db, orgId),
    queue.standing(orgId),
    countRunsAhead(db, run),
    listRecentStarts(db, orgId, STARTS),
    versionStanding(db, run),
  ]);
  return explainWait({
    nowMs: clock.nowMs(),
    run,
    standing,
    runsAhead,
    poolMb: organization.poolMb,
    workers: workers.workers(),
    recentStartsMs,
    version,
  });
}

async function versionStanding(db: Database, run: RunSummary): Promise<VersionStanding | null> {
  const places = await readVersionPlaces(db, run);
  if (places === null) return null;
  const [runsAhead, recentStartsMs] = await Promise.all([countRunsAhead(db, run, run), listRecentStarts(db, run.orgId, STARTS, run)]);
  return { ...places, runsAhead, recentStartsMs };
}
