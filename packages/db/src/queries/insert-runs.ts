import { DEFAULT_DEPLOYMENT } from '@bullpen/core';

import { timeText } from '../array-literal.ts';
import type { Database } from '../database.ts';
import { givenStatement, type GivenColumn } from '../given-rows.ts';
import type { NewRun } from '../run-writes.ts';

/** A new run with the times that follow from the moment it was accepted. */
export interface TimedRun {
  run: NewRun;
  queuedAtMs: number;
  notBeforeMs: number | null;
  expiresAtMs: number | null;
}

const COLUMNS: readonly GivenColumn<TimedRun>[] = [
  ['id', 'text', ({ run }) => run.id],
  ['org_id', 'text', ({ run }) => run.orgId],
  ['agent', 'text', ({ run }) => run.agent],
  ['version', 'integer', ({ run }) => run.version],
  ['version_id', 'text', ({ run }) => run.versionId],
  ['tier', 'text', ({ run }) => run.tier],
  ['max_attempts', 'integer', ({ run }) => run.maxAttempts],
  ['timeout_ms', 'integer', ({ run }) => run.timeoutMs],
  ['memory_mb', 'integer', ({ run }) => run.memoryMb],
  ['limits', 'text', ({ run }) => JSON.stringify(run.limits)],
  ['backoff', 'text', ({ run }) => JSON.stringify(run.backoff)],
  ['input', 'text', ({ run }) => run.inputJson],
  ['metadata', 'text', ({ run }) => JSON.stringify(run.metadata)],
  ['tags', 'text', ({ run }) => JSON.stringify(run.tags ?? [])],
  ['priority', 'smallint', ({ run }) => run.priority],
  ['fairness_key', 'text', ({ run }) => run.fairnessKey],
  ['idempotency_key', 'text', ({ run }) => run.idempotencyKey],
  ['request_hash', 'text', ({ run }) => run.requestHash],
  ['queued_at', 'timestamptz', (row) => timeText(row.queuedAtMs)],
  ['not_before', 'timestamptz', (row) => timeText(row.notBeforeMs)],
  ['expires_at', 'timestamptz', (row) => timeText(row.expiresAtMs)],
  ['traceparent', 'text', ({ run }) => run.traceparent ?? null],
  ['assumed_deployment', 'text', ({ run: { assumed } }) => (assumed === undefined ? null : assumed.deployment ?? DEFAULT_DEPLOYMENT)],
  ['assumed_or_newest', 'boolean', ({ run }) => run.assumed?.deployment === null],
];

const insert = givenStatement<TimedRun, never>(COLUMNS, (given) => `
  INSERT INTO runs (
    id, org_id, agent, version, version_id, state, tier, max_attempts, timeout_ms, memory_mb, limits, backoff, input, metadata, tags,
    priority, fairness_key, idempotency_key, request_hash, queued_at, not_before, expires_at, traceparent)
  SELECT
    id, org_id, agent, version, version_id, CASE WHEN not_before IS NULL THEN 'queued' ELSE 'scheduled' END, tier,
    max_attempts, timeout_ms, memory_mb, limits::jsonb, backoff::jsonb, input::jsonb, metadata::jsonb, tags::jsonb, priority, fairness_key, idempotency_key, request_hash,
    queued_at, not_before, expires_at, traceparent
  FROM ${given}
  WHERE given.assumed_deployment IS NULL OR EXISTS (
    SELECT FROM agents a
    LEFT JOIN deployments d ON d.org_id = a.org_id AND d.agent = a.name AND d.name = given.assumed_deployment
    WHERE a.org_id = given.org_id AND a.name = given.agent AND d.canary IS NULL
      AND coalesce(d.version, CASE WHEN given.assumed_or_newest THEN a.latest_version END) = given.version)
  ON CONFLICT DO NOTHING`, { plansBySize: false });

/**
 * Inserts the runs that are not there yet: neither their id (primary key) nor their idempotency key (index
 * runs_idempotency), and whose version is the one that they would be given now, where that was assumed. Gives how many those
 * were: nearly always all of them, and then nobody has to be told which.
 */
export async function insertRuns(db: Database, rows: readonly TimedRun[]): Promise<number> {
  return (await insert(db, rows)).count;
}
