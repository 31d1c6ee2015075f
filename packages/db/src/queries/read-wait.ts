import { WAITING_RUN_STATES, type RunSummary } from '@bullpen/core';
import type postgres from 'postgres';

import type { Database } from '../database.ts';
import { reading } from '../postgres-errors.ts';
import { stateList } from './run-columns.ts';

/** Counting beyond this tells nobody more, and costs. */
const MOST_COUNTED = 10_000;

/** What narrows a look to the runs of one version. */
export type VersionOfRun = Pick<RunSummary, 'agent' | 'version'>;

/**
 * Waiting runs of the organization, or of one version, that are taken before `run`: better priority, or the same and older.
 * Index runs_line.
 */
export async function countRunsAhead(db: Database, run: Pick<RunSummary, 'orgId' | 'id' | 'priority'>, version?: VersionOfRun): Promise<number> {
  const [row] = await reading(() => db.tenant(run.orgId, ({ sql }) => sql<{ ahead: number }[]>`
    SELECT count(*)::integer AS ahead FROM (
      SELECT FROM runs
      WHERE org_id = ${run.orgId} AND state IN (${stateList(sql, WAITING_RUN_STATES)})
        AND (priority, id) < (${run.priority}, ${run.id}) AND (not_before IS NULL OR not_before <= now()) ${ofVersion(sql, version)}
      LIMIT ${MOST_COUNTED}
    ) AS counted`));
  return row?.ahead ?? 0;
}

/** When the latest runs of the organization, or of one version, were claimed, newest first, epoch ms; among its newest `limit` runs by id. */
export async function listRecentStarts(db: Database, orgId: string, limit: number, version?: VersionOfRun): Promise<number[]> {
  const rows = await reading(() => db.tenant(orgId, ({ sql }) => sql<{ at: string }[]>`
    SELECT claimed_at AS at FROM (
      SELECT claimed_at FROM runs WHERE org_id = ${orgId} AND claimed_at IS NOT NULL ${ofVersion(sql, version)} ORDER BY id DESC LIMIT ${limit}
    ) AS latest ORDER BY claimed_at DESC`));
  return rows.map(({ at }) => Date.parse(at));
}

/**
 * How many runs of the run's version may be executed at once, and how many others hold such a place: by what lets runs in
 * (`enter_version`). Null where the version declares no `concurrency`. Index agent_versions_number.
 */
export async function readVersionPlaces(db: Database, { orgId, id, agent, version }: Pick<RunSummary, 'orgId' | 'id'> & VersionOfRun): Promise<{ most: number; taken: number } | null> {
  const [row] = await reading(() => db.tenant(orgId, ({ sql }) => sql<{ most: number; taken: number }[]>`
    SELECT (manifest ->> 'concurrency')::integer AS most, version_places_taken(org_id, agent, version, ${id}) AS taken
    FROM agent_versions
    WHERE org_id = ${orgId} AND agent = ${agent} AND version = ${version} AND manifest ? 'concurrency'`));
  return row ?? null;
}

function ofVersion(sql: postgres.Sql | postgres.TransactionSql, version: VersionOfRun | undefined): postgres.PendingQuery<postgres.Row[]> {
  return version === undefined ? sql`` : sql`AND agent = ${version.agent} AND version = ${version.version}::integer`;
}
