import type { Database } from '../database.ts';
import { reaching } from '../postgres-errors.ts';

/** What names a request that may be repeated. */
export interface IdempotentRef {
  owner: string;
  keyHash: string;
}

export interface IdempotentBegin extends IdempotentRef {
  orgId: string | null;
  requestHash: string;
  /** Unique: says later that it is still this request that holds the key. */
  attemptId: string;
  lockMs: number;
  keepMs: number;
}

export type IdempotentStanding =
  | { kind: 'begun' }
  | { kind: 'in_flight' }
  | { kind: 'other_request' }
  | { kind: 'answered'; status: number; answer: Uint8Array };

interface Row {
  requestHash: string;
  status: number | null;
  answer: Uint8Array | null;
}

/**
 * Takes the key for a request, or says what stands there. A key that has expired, or whose request died without an
 * answer, is taken over. Of two at the same moment one begins: primary key.
 */
export async function beginIdempotentRequest(db: Database, begin: IdempotentBegin): Promise<IdempotentStanding> {
  const { owner, keyHash, orgId, requestHash, attemptId, lockMs, keepMs } = begin;
  const [begun] = await reaching(() => db.sql<{ attemptId: string }[]>`
    INSERT INTO idempotent_requests AS held (owner, key_hash, org_id, request_hash, attempt_id, locked_until, expires_at)
    VALUES (${owner}, ${keyHash}, ${orgId}, ${requestHash}, ${attemptId},
      now() + ${lockMs} * interval '1 ms', now() + ${keepMs} * interval '1 ms')
    ON CONFLICT (owner, key_hash) DO UPDATE
      SET org_id = excluded.org_id, request_hash = excluded.request_hash, attempt_id = excluded.attempt_id, status = NULL, answer = NULL,
        locked_until = excluded.locked_until, expires_at = excluded.expires_at
      WHERE held.expires_at <= now() OR (held.status IS NULL AND held.locked_until <= now() AND held.request_hash = excluded.request_hash)
    RETURNING attempt_id AS "attemptId"`);
  if (begun) return { kind: 'begun' };
  const [held] = await reaching(() => db.sql<Row[]>`
    SELECT request_hash AS "requestHash", status, answer FROM idempotent_requests WHERE owner = ${owner} AND key_hash = ${keyHash}`);
  // Gone in between: its request failed just now, and the caller may try again.
  if (!held) return { kind: 'in_flight' };
  if (held.requestHash !== requestHash) return { kind: 'other_request' };
  if (held.status === null || held.answer === null) return { kind: 'in_flight' };
  return { kind: 'answered', status: held.status, answer: held.answer };
}

/** Keeps the answer, unless somebody took the key over. */
export async function keepIdempotentAnswer(
  db: Database, { owner, keyHash }: IdempotentRef, attemptId: string, status: number, answer: Uint8Array,
): Promise<void> {
  await reaching(() => db.sql`
    UPDATE idempotent_requests SET status = ${status}, answer = ${answer}
    WHERE owner = ${owner} AND key_hash = ${keyHash} AND attempt_id = ${attemptId}`);
}

/** Frees the key of a request that failed: it changed nothing, and may be made again. */
export async function dropIdempotentRequest(db: Database, { owner, keyHash }: IdempotentRef, attemptId: string): Promise<void> {
  await reaching(() => db.sql`
    DELETE FROM idempotent_requests WHERE owner = ${owner} AND key_hash = ${keyHash} AND attempt_id = ${attemptId} AND status IS NULL`);
}
