import { column } from '../array-literal.ts';
import type { Database } from '../database.ts';

/** A run, and the idempotency key that it is to lose. */
export interface KeyedRun {
  readonly orgId: string;
  readonly idempotencyKey: string;
  /** The row as it was read: another one that has the key by now keeps it. */
  readonly runId: string;
}

/** Takes expired keys from their runs, by primary key, so that they are free again. */
export async function forgetRunKeys(db: Database, keyed: readonly KeyedRun[]): Promise<void> {
  await db.sql`
    UPDATE runs r SET idempotency_key = NULL, request_hash = NULL
    FROM unnest(
      ${column(keyed, (one) => one.orgId)}::text[],
      ${column(keyed, (one) => one.runId)}::text[],
      ${column(keyed, (one) => one.idempotencyKey)}::text[]
    ) AS given (org_id, run_id, idempotency_key)
    WHERE r.org_id = given.org_id AND r.id = given.run_id AND r.idempotency_key = given.idempotency_key`;
}
