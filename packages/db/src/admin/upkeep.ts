import { DEFAULT_ORGANIZATION_RETENTION, TERMINAL_RUN_STATES, type OrganizationRetention } from '@bullpen/core';

import type { Database } from '../database.ts';
import { reaching } from '../postgres-errors.ts';
import { stateList } from '../queries/run-columns.ts';

/** What keeps the record in shape: partitions of the days to come, removal of what is old, workers that fell silent. */

/** Partitions of run_events for yesterday to `aheadDays` from now that are missing; how many were made. */
export async function adminMakeEventPartitions(db: Database, aheadDays: number): Promise<number> {
  const [row] = await reaching(() => db.sql<{ made: number }[]>`
    SELECT make_partitions('run_events', current_date - 1, ${aheadDays}::integer + 2) AS made`);
  return row?.made ?? 0;
}

/** Closes partitions of tenants' tables that were made since to all but their owner; how many. */
export async function adminClosePartitions(db: Database): Promise<number> {
  const [row] = await reaching(() => db.sql<{ closed: number }[]>`SELECT close_partitions() AS closed`);
  return row?.closed ?? 0;
}

/** Drops the partitions of run_events of which no organization keeps a row; how many. SERVICE_UNAVAILABLE: somebody is at them. */
export async function adminDropEventPartitions(db: Database): Promise<number> {
  const [row] = await reaching(() => db.sql<{ dropped: number }[]>`
    SELECT drop_partitions('run_events', current_date - coalesce(
      (SELECT max(coalesce((retention->>'eventDays')::integer, ${DEFAULT_ORGANIZATION_RETENTION.eventDays}::integer)) FROM organizations),
      ${DEFAULT_ORGANIZATION_RETENTION.eventDays}::integer)) AS dropped`);
  return row?.dropped ?? 0;
}

export interface RetentionTurn {
  orgId: string;
  retention: OrganizationRetention;
}

/** Organizations whose old rows nobody looked for in `everyMs`, by the index organizations_retained; each goes to one caller. */
export async function adminClaimRetention(db: Database, { limit, everyMs }: { limit: number; everyMs: number }): Promise<RetentionTurn[]> {
  const rows = await reaching(() => db.sql<{ orgId: string; retention: Partial<OrganizationRetention> }[]>`
    SELECT org_id AS "orgId", retention FROM claim_retention(${limit}, ${everyMs}::double precision * interval '1 millisecond')`);
  return rows.map(({ orgId, retention }) => ({ orgId, retention: { ...DEFAULT_ORGANIZATION_RETENTION, ...retention } }));
}

/** Gives a claim back unfinished: the next caller goes on. */
export async function adminReleaseRetention(db: Database, orgId: string): Promise<void> {
  await reaching(() => db.sql`UPDATE organizations SET retained_at = 'epoch' WHERE id = ${orgId}`);
}

/** Up to `limit` rows of the organization that are older than it keeps them; how many. Fewer than `limit`: there is no more. */
export async function adminDeleteOldRows(db: Database, { orgId, retention }: RetentionTurn, limit: number): Promise<number> {
  const runs = await deleteOldRuns(db, orgId, retention.runDays, limit);
  if (runs >= limit) return runs;
  const events = await deleteWhere(db, orgId, ['run_events'], 'at', Math.min(retention.eventDays, retention.runDays), limit - runs);
  if (runs + events >= limit) return runs + events;
  const metrics = await deleteWhere(db, orgId, METRIC_TABLES, 'bucket_at', retention.metricDays, limit - runs - events);
  const deliveries = await deleteWhere(db, orgId, ['webhook_deliveries'], 'finished_at', retention.eventDays, limit - runs - events - metrics);
  return runs + events + metrics + deliveries;
}

/** Workers that fell silent for `silentMs` are lost, their containers dead; the ids of those found now. */
export async function adminFindLostWorkers(db: Database, silentMs: number): Promise<string[]> {
  const rows = await reaching(() => db.sql<{ id: string }[]>`
    SELECT id FROM find_lost_workers(${silentMs}::double precision * interval '1 millisecond') AS id`);
  return rows.map(({ id }) => id);
}

/** Forgets workers and containers that ended more than `days` ago, up to `limit` of each: indexes workers_ended, containers_ended. */
export async function adminForgetFleet(db: Database, { days, limit }: { days: number; limit: number }): Promise<void> {
  await reaching(() => db.sql`
    WITH old_containers AS (
      DELETE FROM containers WHERE id = ANY (ARRAY(SELECT id FROM containers WHERE ended_at < now() - ${days}::integer * interval '1 day' LIMIT ${limit}))
    )
    DELETE FROM workers WHERE id = ANY (ARRAY(SELECT id FROM workers WHERE ended_at < now() - ${days}::integer * interval '1 day' LIMIT ${limit}))`);
}

export interface StandingRun {
  orgId: string;
  runId: string;
  cause: 'worker_lost' | 'not_expired' | 'cancel_not_heeded';
  since: string;
}

/** Runs that stand still for longer than they should, up to `limit` of each cause: indexes runs_running and runs_expiring. */
export async function adminRunsNeedingCare(db: Database, { olderThanMs, limit }: { olderThanMs: number; limit: number }): Promise<StandingRun[]> {
  const rows = await reaching(() => db.sql<StandingRun[]>`
    SELECT org_id AS "orgId", run_id AS "runId", cause, since
    FROM runs_needing_care(${olderThanMs}::double precision * interval '1 millisecond', ${limit})`);
  return [...rows];
}

/** Levels of the time series, as far as they are there. */
const METRIC_TABLES = ['run_metrics', 'run_metrics_1m', 'run_metrics_1h', 'run_metrics_1d'];

/** Oldest first by primary key: an id begins with its time, and no run ends before it begins. What they said goes with them. */
async function deleteOldRuns(db: Database, orgId: string, days: number, limit: number): Promise<number> {
  const deleted = await reaching(() => db.sql`
    DELETE FROM runs WHERE org_id = ${orgId} AND id = ANY (ARRAY(
      SELECT id FROM runs
      WHERE org_id = ${orgId} AND id < run_id_at(now() - ${days}::integer * interval '1 day')
        AND state IN (${stateList(db.sql, TERMINAL_RUN_STATES)}) AND finished_at < now() - ${days}::integer * interval '1 day'
      ORDER BY id LIMIT ${limit}))`);
  return deleted.count;
}

/** @param timeColumn - a word of ours, as it goes into the statement */
async function deleteWhere(db: Database, orgId: string, tables: readonly string[], timeColumn: string, days: number, limit: number): Promise<number> {
  let total = 0;
  for (const table of tables) {
    if (total >= limit) break;
    const [row] = await reaching(() => db.sql<{ deleted: number | null }[]>`
      SELECT delete_org_rows(t.name, 'org_id', ${orgId}, ${limit - total}, format('%I < now() - %s * interval ''1 day''', ${timeColumn}::text, ${days}::integer)) AS deleted
      FROM tenant_tables t WHERE t.name = to_regclass(${table})`);
    total += row?.deleted ?? 0;
  }
  return total;
}
