import type { ListRuns, RunPage } from '@bullpen/core';

import { decodeCursor, toPage } from '../cursor.ts';
import type { Database } from '../database.ts';
import { reading } from '../postgres-errors.ts';
import { stateList, summaryColumns, type SummaryRow } from './run-columns.ts';
import { runConditions } from './run-conditions.ts';

/**
 * Runs of an organization, newest first: index runs_by_state where one state is asked for, runs_by_agent where an agent
 * is, runs_by_tag where a tag is, the primary key otherwise. All but the tags' end in the id, which is the keyset of the cursor.
 */
export async function listRuns(db: Database, orgId: string, query: ListRuns): Promise<RunPage> {
  const { state: states, tag: tags, cursor, limit, ...rest } = query;
  const before = cursor === undefined ? null : decodeCursor('runs', cursor, 'text')[0];
  const rows = await reading(() => db.tenant(orgId, ({ sql }) => sql<SummaryRow[]>`
    SELECT ${summaryColumns(sql)} FROM runs r
    WHERE r.org_id = ${orgId}
      ${states === undefined ? sql`` : sql`AND r.state IN (${stateList(sql, states)})`}
      ${runConditions(sql, { ...rest, tags })}
      ${before === null ? sql`` : sql`AND r.id < ${before}`}
    ORDER BY r.id DESC
    LIMIT ${limit + 1}`));
  return toPage('runs', rows, limit, (run) => [run.id], (run) => run);
}
