import { column, timeText } from '../array-literal.ts';
import type { Database } from '../database.ts';
import { earliestEventMs } from './event-days.ts';

export interface EventRow {
  orgId: string;
  runId: string;
  seq: number;
  attempt: number;
  /** ISO 8601. */
  at: string;
  eventJson: string;
}

/** Adds what is not there yet by (org_id, run_id, seq, at), the primary key: a repeated write adds nothing. */
export async function appendEvents(db: Database, rows: readonly EventRow[]): Promise<void> {
  await db.sql`
    INSERT INTO run_events (org_id, run_id, seq, attempt, at, event)
    SELECT org_id, run_id, seq, attempt, at, event::jsonb
    FROM unnest(
      ${column(rows, (row) => row.orgId)}::text[],
      ${column(rows, (row) => row.runId)}::text[],
      ${column(rows, (row) => row.seq)}::bigint[],
      ${column(rows, (row) => row.attempt)}::integer[],
      ${column(rows, keptAt)}::timestamptz[],
      ${column(rows, (row) => row.eventJson)}::text[]
    ) AS given (org_id, run_id, seq, attempt, at, event)
    ON CONFLICT DO NOTHING`;
}

/** The same for the same row, so that a repeated write meets what the first one wrote. */
function keptAt({ runId, at }: EventRow): string | null {
  return timeText(Math.max(Date.parse(at), earliestEventMs(runId)));
}
