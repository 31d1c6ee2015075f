import { explainWait, type Clock, type Why } from '@bullpen/core';
import { countRunsAhead, getOrganization, getRun, listRecentStarts, type Database } from '@bullpen/db';
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
  const [organization, standing, runsAhead, recentStartsMs] = await Promise.all([
    getOrganization(db, orgId),
    queue.standing(orgId),
    countRunsAhead(db, run),
    listRecentStarts(db, orgId, STARTS),
  ]);
  return explainWait({
    nowMs: clock.nowMs(),
    run,
    standing,
    runsAhead,
    poolMb: organization.poolMb,
    workers: workers.workers(),
    recentStartsMs,
  });
}
