import type { Trigger } from '@bullpen/core';

import type { Database } from '../database.ts';
import { reaching, reading } from '../postgres-errors.ts';
import { TRIGGER_COLUMNS } from '../queries/triggers.ts';

export interface FoundTrigger extends Trigger {
  tokenHash: string;
  /** Of the address before, while it is good. */
  previousTokenHash: string | null;
}

/** What stands at an address, whoever owns it: nobody has said yet who asks. By primary key. */
export async function adminFindTrigger(db: Database, id: string): Promise<FoundTrigger | null> {
  const [found] = await reading(() => db.sql<FoundTrigger[]>`
    SELECT ${db.sql.unsafe(TRIGGER_COLUMNS)}, token_hash AS "tokenHash", CASE WHEN previous_token_until > now() THEN previous_token_hash END AS "previousTokenHash"
    FROM triggers WHERE id = ${id}`);
  return found ?? null;
}

/** An event became a run; written once a minute at most. */
export async function adminTouchTrigger(db: Database, id: string): Promise<void> {
  await reaching(() => db.sql`
    UPDATE triggers SET last_event_at = date_trunc('minute', now()) WHERE id = ${id} AND (last_event_at IS NULL OR last_event_at < date_trunc('minute', now()))`);
}
