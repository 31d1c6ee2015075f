import { and, asc, eq, getTableColumns, isNotNull, lte, sql } from 'drizzle-orm';
import type { PostgresJsDatabase } from 'drizzle-orm/postgres-js';

import { TERMINAL_RUN_STATES, scheduleKeyPrefix, type RunState, type Schedule, type ScheduleError } from '@bullpen/core';

import { column, timeText } from '../array-literal.ts';
import type { Database } from '../database.ts';
import { reaching, reading } from '../postgres-errors.ts';
import type * as tables from '../schema.ts';
import { runs, schedules } from '../schema.ts';

/** What schedulers ask over all organizations. */

type Transaction = Parameters<Parameters<PostgresJsDatabase<typeof tables>['transaction']>[0]>[0];

/** A schedule that is due, or whose waiting run may start. */
export interface ClaimedSchedule {
  schedule: Schedule;
  /** The newest run it made, found by the keys of the runs: also one that a crash kept out of the schedule's row. */
  newest: { runId: string; firedAtMs: number; open: boolean } | null;
}

/** What becomes of the row of a claimed schedule. */
export interface ScheduleAdvance {
  id: string;
  nextAtMs: number | null;
  pendingAtMs: number | null;
  lastAtMs: number | null;
  lastRunId: string | null;
  lastError: ScheduleError | null;
}

/**
 * Claims up to `limit` schedules that are due and as many whose waiting run may start, hands them to `fire`, and writes
 * what it answers. The rows are locked all the while, and rows that another scheduler holds are passed over, so that a
 * schedule is with one scheduler at a time. If this process dies, the rows are as they were and due again: what `fire`
 * does must bear repeating. Indexes schedules_due, schedules_pending, and runs_idempotency for the newest runs.
 *
 * @returns how many were claimed.
 */
export async function adminClaimDueSchedules(
  db: Database, { nowMs, limit }: { nowMs: number; limit: number },
  fire: (claimed: readonly ClaimedSchedule[]) => Promise<readonly ScheduleAdvance[]>,
): Promise<number> {
  return reaching(() => db.orm.transaction(async (transaction) => {
    const claimed = await claim(transaction, nowMs, limit);
    if (claimed.length === 0) return 0;
    // A second statement, and so a newer view than the one that found the rows: it sees what the last holder of the lock did.
    const newest = await newestRuns(transaction, claimed);
    const advances = await fire(claimed.map((schedule) => ({ schedule, newest: newest.get(schedule.id) ?? null })));
    if (advances.length > 0) await advance(transaction, advances);
    return claimed.length;
  }));
}

/** When schedulers have to look again; `pending`: a run waits for another to end, which no clock tells. */
export interface ScheduleWakeUp {
  nextAtMs: number | null;
  pending: boolean;
}

/** The earliest time of all: one entry each of the indexes schedules_due and schedules_pending. */
export async function adminNextScheduleTime(db: Database): Promise<ScheduleWakeUp> {
  const [found] = await reading(() => db.sql<{ nextAt: string | null; pending: boolean }[]>`
    SELECT (SELECT min(next_at) FROM schedules WHERE next_at IS NOT NULL) AS "nextAt",
      EXISTS (SELECT 1 FROM schedules WHERE pending_at IS NOT NULL) AS pending`);
  return { nextAtMs: found?.nextAt == null ? null : Date.parse(found.nextAt), pending: found?.pending ?? false };
}

async function claim(transaction: Transaction, nowMs: number, limit: number): Promise<Schedule[]> {
  const now = new Date(nowMs).toISOString();
  const due = await transaction.select().from(schedules)
    .where(lte(schedules.nextAt, now)).orderBy(asc(schedules.nextAt)).limit(limit).for('update', { skipLocked: true });
  const lastRunIsOpen = sql`EXISTS (SELECT 1 FROM ${runs} WHERE ${and(
    eq(runs.orgId, schedules.orgId), eq(runs.id, schedules.lastRunId), sql`${runs.state} NOT IN ${TERMINAL_RUN_STATES}`)})`;
  const freed = await transaction.select(getTableColumns(schedules)).from(schedules)
    .where(and(isNotNull(schedules.pendingAt), sql`NOT ${lastRunIsOpen}`))
    .orderBy(asc(schedules.pendingAt)).limit(limit).for('update', { skipLocked: true });
  return [...new Map([...due, ...freed].map((schedule) => [schedule.id, schedule])).values()];
}

async function newestRuns(transaction: Transaction, claimed: readonly Schedule[]): Promise<Map<string, NonNullable<ClaimedSchedule['newest']>>> {
  const rows = await transaction.execute<{ scheduleId: string; runId: string; state: RunState; key: string }>(sql`
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

/** By primary key, one statement for all. */
async function advance(transaction: Transaction, advances: readonly ScheduleAdvance[]): Promise<void> {
  await transaction.execute(sql`
    UPDATE schedules s SET next_at = given.next_at, pending_at = given.pending_at, last_at = given.last_at,
      last_run_id = given.last_run_id, last_error = given.last_error::jsonb
    FROM unnest(
      ${column(advances, ({ id }) => id)}::text[],
      ${column(advances, ({ nextAtMs }) => timeText(nextAtMs))}::timestamptz[],
      ${column(advances, ({ pendingAtMs }) => timeText(pendingAtMs))}::timestamptz[],
      ${column(advances, ({ lastAtMs }) => timeText(lastAtMs))}::timestamptz[],
      ${column(advances, ({ lastRunId }) => lastRunId)}::text[],
      ${column(advances, ({ lastError }) => (lastError === null ? null : JSON.stringify(lastError)))}::text[]
    ) AS given (id, next_at, pending_at, last_at, last_run_id, last_error)
    WHERE s.id = given.id`);
}
