import { WAITING_RUN_STATES, type RunSummary } from '@bullpen/core';

import type { Database } from '../database.ts';
import { reading } from '../postgres-errors.ts';
import { stateList } from './run-columns.ts';

/** Counting beyond this tells nobody more, and costs. */
const MOST_COUNTED = 10_000;

/** Waiting runs of the organization that are taken before `run`: better priority, or the same and older. Index runs_line. */
export async function countRunsAhead(db: Database, run: Pick<RunSummary, 'orgId' | 'id' | 'priority'>): Promise<number> {
  const [row] = await reading(() => db.tenant(run.orgId, ({ sql }) => sql<{ ahead: number }[]>`
    SELECT count(*)::integer AS ahead FROM (
      SELECT FROM runs
      WHERE org_id = ${run.orgId} AND state IN (${stateList(sql, WAITING_RUN_STATES)})
        AND (priority, id) < (${run.priority}, ${run.id}) AND (not_before IS NULL OR not_before <= now())
      LIMIT ${MOST_COUNTED}
    ) AS counted`));
  return row?.ahead ?? 0;
}

/** When the organization's latest runs were claimed, newest first, epoch ms; among its newest `limit` runs by id. */
export async function listRecentStarts(db: Database, orgId: string, limit: number): Promise<number[]> {
  const rows = await reading(() => db.tenant(orgId, ({ sql }) => sql<{ at: string }[]>`
    SELECT claimed_at AS at FROM (
      SELECT claimed_at FROM runs WHERE org_id = ${orgId} AND claimed_at IS NOT NULL ORDER BY id DESC LIMIT ${limit}
    ) AS latest ORDER BY claimed_at DESC`));
  return rows.map(({ at }) => Date.parse(at));
}
