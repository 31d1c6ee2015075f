import { column } from '../array-literal.ts';
import type { Database } from '../database.ts';
import type { NewRun } from '../run-writes.ts';
import { keyOfRun, runColumns, type RunRow } from './run-columns.ts';

export interface EarlierRun {
  run: RunRow;
  requestHash: string | null;
}

/**
 * What stood in the way of an insert: the run of the same id (primary key; our own first try) or of the same
 * idempotency key (index runs_idempotency). Keyed by the new run's own key.
 */
export async function findEarlierRuns(db: Database, runs: readonly Pick<NewRun, 'orgId' | 'id' | 'idempotencyKey'>[]): Promise<Map<string, EarlierRun>> {
  const rows = await db.sql<(RunRow & { givenOrgId: string; givenId: string; requestHash: string | null })[]>`
    SELECT given.org_id AS "givenOrgId", given.id AS "givenId", r.request_hash AS "requestHash", ${runColumns(db.sql)}
    FROM unnest(
      ${column(runs, (run) => run.orgId)}::text[],
      ${column(runs, (run) => run.id)}::text[],
      ${column(runs, (run) => run.idempotencyKey)}::text[]
    ) AS given (org_id, id, idempotency_key)
    CROSS JOIN LATERAL (
      SELECT * FROM runs WHERE org_id = given.org_id AND id = given.id
      UNION ALL
      SELECT * FROM runs WHERE org_id = given.org_id AND idempotency_key = given.idempotency_key
      LIMIT 1
    ) AS r`;
  return new Map(rows.map(({ givenOrgId, givenId, requestHash, ...run }) => [keyOfRun(givenOrgId, givenId), { run, requestHash }]));
}
