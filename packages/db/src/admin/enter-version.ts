import { WAITING_RUN_STATES } from '@bullpen/core';

import type { Database } from '../database.ts';
import { reaching, reading } from '../postgres-errors.ts';
import { stateList } from '../queries/run-columns.ts';

/** A run that wants to be executed, of a version of which only so many may be at once. */
export interface VersionEntry {
  readonly orgId: string;
  readonly runId: string;
  readonly agent: string;
  readonly version: number;
  readonly most: number;
}

/**
 * Lets a run in where fewer than `most` others of its version are executed, over all workers; it holds its place until it is
 * claimed, for ten seconds at most, and as long as it runs. Indexes runs_by_state and runs_entering.
 * @returns false where it must wait, which its row says from then on
 */
export async function adminEnterVersion(db: Database, { orgId, runId, agent, version, most }: VersionEntry): Promise<boolean> {
  const [answer] = await reaching(() => db.sql<{ entered: boolean }[]>`
    SELECT enter_version(${orgId}, ${agent}, ${version}::integer, ${runId}, ${most}::integer) AS entered`);
  return answer?.entered === true;
}

/**
 * Waiting runs that were turned away from a version, those first that are to be brought back first. Index runs_turned_away.
 */
export async function adminListTurnedAway(db: Database, { orgId, agent, version }: Omit<VersionEntry, 'runId' | 'most'>, limit: number): Promise<string[]> {
  const rows = await reading(() => db.sql<{ id: string }[]>`
    SELECT id FROM runs
    WHERE org_id = ${orgId} AND agent = ${agent} AND version = ${version}::integer AND turned_away_at IS NOT NULL AND state IN (${stateList(db.sql, WAITING_RUN_STATES)})
    ORDER BY priority, id LIMIT ${limit}`);
  return rows.map(({ id }) => id);
}
