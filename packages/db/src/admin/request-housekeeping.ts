import type { Database } from '../database.ts';
import { reaching } from '../postgres-errors.ts';

const MOST_ROWS = 10_000;

/** Removes keys of repeatable requests that have expired, and windows that are over: indexes *_expiring and rate_windows_old. */
export async function adminForgetRequests(db: Database, windowsBefore: string): Promise<{ requests: number; windows: number }> {
  const requests = await reaching(() => db.sql`
    DELETE FROM idempotent_requests WHERE (owner, key_hash) IN
      (SELECT owner, key_hash FROM idempotent_requests WHERE expires_at <= now() LIMIT ${MOST_ROWS})`);
  const windows = await reaching(() => db.sql`
    DELETE FROM rate_windows WHERE (key_id, window_at) IN
      (SELECT key_id, window_at FROM rate_windows WHERE window_at < ${windowsBefore} LIMIT ${MOST_ROWS})`);
  return { requests: requests.count, windows: windows.count };
}
