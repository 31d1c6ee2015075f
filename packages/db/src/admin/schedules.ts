import { and, eq, sql } from 'drizzle-orm';

import { TERMINAL_RUN_STATES, scheduleKeyPrefix, type RunState, type Schedule, type ScheduleError } from '@bullpen/core';

import { column, timeText } from '../array-literal.ts';
import type { Database } from '../database.ts';
import { reaching, reading } from '../postgres-errors.ts';
import { scheduleColumns } from '../queries/schedules-read.ts';
import { stateList } from '../queries/run-columns.ts';
import { schedules } from '../schema.ts';

/**
 * What schedulers ask over all organizations. A claim is a lease in the row and not a transaction that stays open while
 * runs are made: in postgres.js 3.4 a connection that is lost within a transaction ends the process with an exception
 * that nobody can catch (https://github.com/porsager/postgres/issues/1208).
 */

/** A schedule that is due, or whose waiting run may start. */
export interface ClaimedSchedule {
  schedule: Schedule;
  revision: number;
  /** The newest run it made, found by the keys of the runs: also one that a crash kept out of the schedule's row. */
  newest: { runId: string; firedAtMs: number; open: boolean } | null;
}

/**
 * Claims up to `limit` schedules that are due at `nowMs`, and as many whose waiting run may start, for `leaseMs` by
 * Postgres' clock. Those that another scheduler has claimed are passed over; a lease that has passed counts no more.
 * Indexes schedules_due, schedules_pending, and runs_idempotency for the newest runs.
 */
export async function adminClaimDueSchedules(
  db: Database, { nowMs, limit, leaseMs }: { nowMs: number; limit: number; leaseMs: number },
): Promise<ClaimedSchedule[]> {
  const ids = await claim(db, nowMs, limit, leaseMs);
  if (ids.length === 0) return [];
  // Statements of their own, and so a newer view than the one that found the rows: they see what the last claim left.
  const rows = await reading(() => db.orm.select({ revision: schedules.revision, schedule: scheduleColumns }).from(schedules)
    .where(sql`${schedules.id} = ANY(${column(ids, (id) => id)}::text[])`));
  const newest = await newestRuns(db, rows.map((row) => row.schedule));
  return rows.map((row) => ({ ...row, newest: newest.get(row.schedule.id) ?? null }));
}

/** What becomes of the row of a claimed schedule. */
export interface ScheduleAdvance {
  id: string;
  /** Of the claim. */
  revision: number;
  nextAtMs: number | null;
  pendingAtMs: number | null;
  lastAtMs: number | null;
  lastRunId: string | null;
  lastError: ScheduleError | null;
}

/** Moves rows on and gives up their claims, by primary key. A row that was changed or deleted meanwhile stays as it is. */
export async function adminAdvanceSchedules(db: Database, advances: readonly ScheduleAdvance[]): Promise<void> {
  if (advances.length === 0) return;
  await reaching(() => db.sql`
    UPDATE schedules s SET next_at = given.next_at, pending_at = given.pending_at, last_at = given.last_at,
      last_run_id = given.last_run_id, last_error = given.last_error::jsonb, revision = s.revision + 1, claimed_until = NULL
    FROM unnest(
      ${column(advances, ({ id }) => id)}::text[],
      ${column(advances, ({ revision }) => revision)}::integer[],
      ${column(advances, ({ nextAtMs }) => timeText(nextAtMs))}::timestamptz[],
      ${column(advances, ({ pendingAtMs }) => timeText(pendingAtMs))}::timestamptz[],
      ${column(advances, ({ lastAtMs }) => timeText(lastAtMs))}::timestamptz[],
      ${column(advances, ({ lastRunId }) => lastRunId)}::text[],
      ${column(advances, ({ lastError }) => (lastError === null ? null : JSON.stringify(lastError)))}::text[]
    ) AS given (id, revision, next_at, pending_at, last_at, last_run_id, last_error)
    WHERE s.id = given.id AND s.revision = given.revision`);
}

/** Gives up a claim and leaves the row due. */
export async function adminReleaseSchedule(db: Database, { id, revision }: { id: string; revision: number }): Promise<void> {
  await reaching(() => db.orm.update(schedules).set({ claimedUntil: null })
    .where(and(eq(schedules.id, id), eq(schedules.revision, revision))));
}

/** When schedulers have to look again; `pending`: a run waits for another to end, which no clock tells. */
export interface ScheduleWakeUp {
  nextAtMs: number | null;
  pending: boolean;
}

/** The earliest time of all that nobody has claimed: the beginning of each of the indexes schedules_due and schedules_pending. */
export async function adminNextScheduleTime(db: Database): Promise<ScheduleWakeUp> {
  const [found] = await reading(() => db.sql<{ nextAt: string | null; pending: boolean }[]>`
    SELECT (SELECT min(next_at) FROM schedules WHERE next_at IS NOT NULL AND (claimed_until IS NULL OR claimed_until <= now())) AS "nextAt",
      EXISTS (SELECT 1 FROM schedules WHERE pending_at IS NOT NULL) AS pending`);
  return { nextAtMs: found?.nextAt == null ? null : Date.parse(found.nextAt), pending: found?.pending ?? false };
}

async function claim({ sql: query }: Database, nowMs: number, limit: number, leaseMs: number): Promise<string[]> {
  const claimed = await reaching(() => query<{ id: string }[]>`
    WITH due AS MATERIALIZED (
      SELECT id FROM schedules
      WHERE next_at <= ${timeText(nowMs)}::timestamptz AND (claimed_until IS NULL OR claimed_until <= now())
      ORDER BY next_at LIMIT ${limit}
      FOR UPDATE SKIP LOCKED),
    freed AS MATERIALIZED (
      SELECT s.id FROM schedules s
      WHERE s.pending_at IS NOT NULL AND (s.claimed_until IS NULL OR s.claimed_until <= now()) AND NOT EXISTS (
        SELECT 1 FROM runs r WHERE r.org_id = s.org_id AND r.id = s.last_run_id AND r.state NOT IN (${stateList(query, TERMINAL_RUN_STATES)}))
      ORDER BY s.pending_at LIMIT ${limit}
      FOR UPDATE OF s SKIP LOCKED)
    UPDATE schedules s SET claimed_until = now() + ${leaseMs}::double precision * interval '1 millisecond'
    FROM (SELECT id FROM due UNION SELECT id FROM freed) AS found
    WHERE s.id = found.id
    RETURNING s.id`);
  return claimed.map(({ id }) => id);
}

async function newestRuns(db: Database, claimed: readonly Schedule[]): Promise<Map<string, NonNullable<ClaimedSchedule['newest']>>> {
  const rows = await reading(() => db.sql<{ scheduleId: string; runId: string; state: RunState; key: string }[]>`
    SELECT given.id AS "scheduleId", newest.id AS "runId", newest.state, newest.idempotency_key AS key
    FROM unnest(
      ${column(claimed, ({ id }) => id)}::text[],
      ${column(claimed, ({ orgId }) => orgId)}::text[],
      ${column(claimed, ({ id }) => scheduleKeyPrefix(id))}::text[]
    ) AS given (id, org_id, prefix)
    CROSS JOIN LATERAL (
      SELECT r.id, r.state, r.idempotency_key FROM runs r
      WHERE r.org_id = given.org_id AND r.idempotency_key > given.prefix AND r.idempotency_key < given.prefix || '~'
      ORDER BY r.idempotency_key DESC LIMIT 1
    ) AS newest`);
  return new Map(rows.map(({ scheduleId, runId, state, key }) => [scheduleId, {
    runId,
    firedAtMs: Date.parse(key.slice(scheduleKeyPrefix(scheduleId).length)),
    open: !TERMINAL_RUN_STATES.some((terminal) => terminal === state),
  }]));
}
