import { column, timeText } from '../array-literal.ts';
import type { Database } from '../database.ts';
import { earliestEventMs } from './event-days.ts';
import { keyOfRun } from './run-columns.ts';

export interface EventRow {
  orgId: string;
  runId: string;
  /** Under which it was said: it is kept while this is the run's. */
  lease: number;
  seq: number;
  attempt: number;
  /** ISO 8601. */
  at: string;
  eventJson: string;
}

/**
 * Adds what is not there yet by (org_id, run_id, seq, at), the primary key, for holders of the leases of running runs. Gives
 * the keys of the runs that were fenced out: of those nothing was added.
 *
 * The runs are locked against a claim until this is committed (`FOR SHARE`; the foreign key would lock them anyway): what is
 * added after another worker took a run over would be words of somebody who is no longer heard. The state comes as a column,
 * as in finish-runs.ts.
 */
export async function appendEvents(db: Database, rows: readonly EventRow[]): Promise<Set<string>> {
  const added = await db.sql`
    INSERT INTO run_events (org_id, run_id, seq, attempt, at, event)
    SELECT given.org_id, given.run_id, given.seq, given.attempt, given.at, given.event::jsonb
    FROM unnest(
      ${column(rows, (row) => row.orgId)}::text[],
      ${column(rows, (row) => row.runId)}::text[],
      ${column(rows, (row) => row.lease)}::integer[],
      ${column(rows, () => 'running')}::text[],
      ${column(rows, (row) => row.seq)}::bigint[],
      ${column(rows, (row) => row.attempt)}::integer[],
      ${column(rows, keptAt)}::timestamptz[],
      ${column(rows, (row) => row.eventJson)}::text[]
    ) AS given (org_id, run_id, lease, state, seq, attempt, at, event)
    JOIN runs r ON r.org_id = given.org_id AND r.id = given.run_id AND r.lease = given.lease AND r.state = given.state
    FOR SHARE OF r
    ON CONFLICT DO NOTHING`;
  // Fewer than there were: some were added by an earlier try, or their run is another worker's.
  return added.count === rows.length ? new Set() : fencedOut(db, rows);
}

async function fencedOut(db: Database, rows: readonly EventRow[]): Promise<Set<string>> {
  const runs = [...new Map(rows.map((row) => [keyOfRun(row.orgId, row.runId), row])).values()];
  const fenced = await db.sql<{ org_id: string; run_id: string }[]>`
    SELECT given.org_id, given.run_id
    FROM unnest(
      ${column(runs, (row) => row.orgId)}::text[],
      ${column(runs, (row) => row.runId)}::text[],
      ${column(runs, (row) => row.lease)}::integer[],
      ${column(runs, () => 'running')}::text[]
    ) AS given (org_id, run_id, lease, state)
    LEFT JOIN runs r ON r.org_id = given.org_id AND r.id = given.run_id AND r.lease = given.lease AND r.state = given.state
    WHERE r.id IS NULL`;
  return new Set(fenced.map((row) => keyOfRun(row.org_id, row.run_id)));
}

/** The same for the same row, so that a repeated write meets what the first one wrote. */
function keptAt({ runId, at }: EventRow): string | null {
  return timeText(Math.max(Date.parse(at), earliestEventMs(runId)));
}
