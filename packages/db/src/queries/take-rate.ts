import type { Database } from '../database.ts';
import { reaching } from '../postgres-errors.ts';

export interface RateTake {
  keyId: string;
  /** ISO 8601. */
  windowAt: string;
  /** Requests wanted. */
  count: number;
  quota: number;
}

/** Takes up to `count` of what the window has left, for good: primary key. */
export async function takeRate(db: Database, { keyId, windowAt, count, quota }: RateTake): Promise<{ granted: number; left: number }> {
  const [row] = await reaching(() => db.sql<{ used: number }[]>`
    INSERT INTO rate_windows AS held (key_id, window_at, used) VALUES (${keyId}, ${windowAt}, ${count})
    ON CONFLICT (key_id, window_at) DO UPDATE SET used = held.used + excluded.used
    RETURNING used`);
  const used = Number(row?.used ?? count);
  return { granted: Math.max(0, Math.min(count, quota - (used - count))), left: Math.max(0, quota - used) };
}
