import { timeText } from '../array-literal.ts';
import type { Database } from '../database.ts';
import { givenStatement, type GivenColumn } from '../given-rows.ts';
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

const HELD: readonly GivenColumn<EventRow>[] = [
  ['org_id', 'text', (row) => row.orgId],
  ['run_id', 'text', (row) => row.runId],
  ['lease', 'integer', (row) => row.lease],
  ['state', 'text', () => 'running'],
];

/** The run of a row, while it is still this lease's. */
const HOLDS = 'r.org_id = given.org_id AND r.id = given.run_id AND r.lease = given.lease AND r.state = given.state';

const add = givenStatement<EventRow, never>([
  ...HELD,
  ['seq', 'bigint', (row) => row.seq],
  ['attempt', 'integer', (row) => row.attempt],
  ['at', 'timestamptz', keptAt],
  ['event', 'text', (row) => row.eventJson],
], (given) => `
  INSERT INTO run_events (org_id, run_id, seq, attempt, at, event)
  SELECT given.org_id, given.run_id, given.seq, given.attempt, given.at, given.event::jsonb
  FROM ${given}
  JOIN runs r ON ${HOLDS}
  FOR SHARE OF r
  ON CONFLICT DO NOTHING`, { plansBySize: false });

const findFenced = givenStatement<EventRow, { org_id: string; run_id: string }>(HELD, (given) => `
  SELECT given.org_id, given.run_id
  FROM ${given}
  LEFT JOIN runs r ON ${HOLDS}
  WHERE r.id IS NULL`);

/**
 * Adds what is not there yet by (org_id, run_id, seq, at), the primary key, for holders of the leases of running runs. Gives
 * the keys of the runs that were fenced out: of those nothing was added.
 *
 * The runs are locked against a claim until this is committed (`FOR SHARE`; the foreign key would lock them anyway): what is
 * added after another worker took a run over would be words of somebody who is no longer heard. The state comes as a column,
 * as in leased-move.ts.
 */
export async function appendEvents(db: Database, rows: readonly EventRow[]): Promise<Set<string>> {
  const added = await add(db, rows);
  // Fewer than there were: some were added by an earlier try, or their run is another worker's.
  return added.count === rows.length ? new Set() : fencedOut(db, rows);
}

async function fencedOut(db: Database, rows: readonly EventRow[]): Promise<Set<string>> {
  const runs = [...new Map(rows.map((row) => [keyOfRun(row.orgId, row.runId), row])).values()];
  return new Set((await findFenced(db, runs)).map((row) => keyOfRun(row.org_id, row.run_id)));
}

/** The same for the same row, so that a repeated write meets what the first one wrote. */
function keptAt({ runId, at }: EventRow): string | null {
  return timeText(Math.max(Date.parse(at), earliestEventMs(runId)));
}
