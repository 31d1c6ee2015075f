import { column, timeText } from '../array-literal.ts';
import type { Database } from '../database.ts';
import type { NewRun } from '../run-writes.ts';
import { keyOfRun } from './run-columns.ts';

/** A new run with the times that follow from the moment it was accepted. */
export interface TimedRun {
  run: NewRun;
  queuedAtMs: number;
  notBeforeMs: number | null;
  expiresAtMs: number | null;
}

/**
 * Inserts the runs that are not there yet: neither their id (primary key) nor their idempotency key (index
 * runs_idempotency). Gives the keys of those it inserted.
 */
export async function insertRuns(db: Database, rows: readonly TimedRun[]): Promise<Set<string>> {
  const inserted = await db.sql<{ org_id: string; id: string }[]>`
    INSERT INTO runs (
      id, org_id, agent, version, version_id, state, tier, max_attempts, timeout_ms, memory_mb, limits, backoff, input, metadata, tags,
      priority, fairness_key, idempotency_key, request_hash, queued_at, not_before, expires_at, traceparent)
    SELECT
      id, org_id, agent, version, version_id, CASE WHEN not_before IS NULL THEN 'queued' ELSE 'scheduled' END, tier,
      max_attempts, timeout_ms, memory_mb, limits::jsonb, backoff::jsonb, input::jsonb, metadata::jsonb, tags::jsonb, priority, fairness_key, idempotency_key, request_hash,
      queued_at, not_before, expires_at, traceparent
    FROM unnest(
      ${column(rows, ({ run }) => run.id)}::text[],
      ${column(rows, ({ run }) => run.orgId)}::text[],
      ${column(rows, ({ run }) => run.agent)}::text[],
      ${column(rows, ({ run }) => run.version)}::integer[],
      ${column(rows, ({ run }) => run.versionId)}::text[],
      ${column(rows, ({ run }) => run.tier)}::text[],
      ${column(rows, ({ run }) => run.maxAttempts)}::integer[],
      ${column(rows, ({ run }) => run.timeoutMs)}::integer[],
      ${column(rows, ({ run }) => run.memoryMb)}::integer[],
      ${column(rows, ({ run }) => JSON.stringify(run.limits))}::text[],
      ${column(rows, ({ run }) => JSON.stringify(run.backoff))}::text[],
      ${column(rows, ({ run }) => run.inputJson)}::text[],
      ${column(rows, ({ run }) => JSON.stringify(run.metadata))}::text[],
      ${column(rows, ({ run }) => JSON.stringify(run.tags ?? []))}::text[],
      ${column(rows, ({ run }) => run.priority)}::smallint[],
      ${column(rows, ({ run }) => run.fairnessKey)}::text[],
      ${column(rows, ({ run }) => run.idempotencyKey)}::text[],
      ${column(rows, ({ run }) => run.requestHash)}::text[],
      ${column(rows, (row) => timeText(row.queuedAtMs))}::timestamptz[],
      ${column(rows, (row) => timeText(row.notBeforeMs))}::timestamptz[],
      ${column(rows, (row) => timeText(row.expiresAtMs))}::timestamptz[],
      ${column(rows, ({ run }) => run.traceparent ?? null)}::text[]
    ) AS given (
      id, org_id, agent, version, version_id, tier, max_attempts, timeout_ms, memory_mb, limits, backoff, input, metadata, tags,
      priority, fairness_key, idempotency_key, request_hash, queued_at, not_before, expires_at, traceparent)
    ON CONFLICT DO NOTHING
    RETURNING org_id, id`;
  return new Set(inserted.map((row) => keyOfRun(row.org_id, row.id)));
}
