import type { ListRuns, RunPage } from '@bullpen/core';

import { decodeCursor, toPage } from '../cursor.ts';
import type { Database } from '../database.ts';
import { reading } from '../postgres-errors.ts';
import { summaryColumns, type SummaryRow } from './run-columns.ts';

/**
 * Runs of an organization, newest first: index runs_by_state where a state is asked for, runs_by_agent where only an
 * agent is, the primary key otherwise. All three end in the id, which is the keyset of the cursor.
 */
export async function listRuns(db: Database, orgId: string, { state, agent, cursor, limit }: ListRuns): Promise<RunPage> {
  const before = cursor === undefined ? null : decodeCursor(cursor, 'text')[0];
  const rows = await reading(() => db.tenant(orgId, ({ sql }) => sql<SummaryRow[]>`
    SELECT ${summaryColumns(sql)} FROM runs r
    WHERE r.org_id = ${orgId}
      ${state === undefined ? sql`` : sql`AND r.state = ${state}`}
      ${agent === undefined ? sql`` : sql`AND r.agent = ${agent}`}
      ${before === null ? sql`` : sql`AND r.id < ${before}`}
    ORDER BY r.id DESC
    LIMIT ${limit + 1}`));
  return toPage(rows, limit, (run) => [run.id], (run) => run);
}
