import { MOST_BULK_RUNS, BullpenError, type Clock, type DeletedOrganization, type Logger } from '@bullpen/core';
import {
  adminBeginDeletion, adminCountOpenRuns, adminDeleteKeys, adminPurgeOrganization, type Database,
} from '@bullpen/db';
import type { RunQueue } from '@bullpen/queue';

import { BulkRuns } from '../runs/bulk-runs.ts';
import type { RunService } from '../runs/run-service.ts';
import type { OrganizationDirectory } from './organization-directory.ts';

export interface OrganizationDeletionDeps {
  db: Database;
  queue: RunQueue;
  runs: RunService;
  organizations: OrganizationDirectory;
  clock: Clock;
  log: Logger;
}

/** Runs that are under way are given this long to end after they were cancelled. */
const RUNS_END_WITHIN_MS = 20_000;
const LOOK_EVERY_MS = 200;

/**
 * Deletes an organization: everything in Postgres, its queue, and its place in the line. What it guarantees:
 *
 * - From the first step on the organization is gone for everybody who asks for it, and its keys within seconds. A deletion
 *   that broke off is finished by asking for it again.
 * - Its runs are cancelled first. One that does not end in time loses its row, and its worker writes nothing more.
 * - What the queue learns while rows are being deleted (a reconciler mends what it finds) is erased after them.
 * - What stays is an entry in the platform's audit log, and code of the organization in the caches of workers until they are
 *   cleared.
 */
export class OrganizationDeletion {
  readonly #deps: OrganizationDeletionDeps;

  constructor(deps: OrganizationDeletionDeps) {
    this.#deps = deps;
  }

  /** @throws BullpenError NOT_FOUND */
  async delete(orgId: string, keyId: string): Promise<DeletedOrganization> {
    const { db, queue, organizations, log } = this.#deps;
    if (!(await adminBeginDeletion(db, orgId))) throw new BullpenError('NOT_FOUND', `no organization ${orgId}`, { orgId });
    organizations.forget(orgId);
    await adminDeleteKeys(db, orgId);
    await queue.setLimits(orgId, { paused: true });
    await this.#endRuns(orgId);
    await queue.erase(orgId);
    const rows = await adminPurgeOrganization(db, orgId);
    await queue.erase(orgId);
    log.info({ orgId, keyId, rows }, 'organization.deleted');
    return { id: orgId, rows };
  }

  async #endRuns(orgId: string): Promise<void> {
    const { db, runs, clock, log } = this.#deps;
    const bulk = new BulkRuns({ db, runs });
    const untilMs = clock.monotonicMs() + RUNS_END_WITHIN_MS;
    for (;;) {
      await bulk.cancel(orgId, { filter: {}, dryRun: false, limit: MOST_BULK_RUNS });
      const open = await adminCountOpenRuns(db, orgId);
      if (open === 0) return;
      if (clock.monotonicMs() >= untilMs) {
        log.warn({ orgId, open }, 'organization.deleted_with_open_runs');
        return;
      }
      await new Promise((resume) => { setTimeout(resume, LOOK_EVERY_MS); });
    }
  }
}
