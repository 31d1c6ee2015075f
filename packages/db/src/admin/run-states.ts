import type { RunState } from '@bullpen/core';

import type { Database } from '../database.ts';
import { reading } from '../postgres-errors.ts';
import { readRunStates } from '../queries/read-run-states.ts';
import { keyOfRun } from '../queries/run-columns.ts';
import type { RunRef } from '../run-writes.ts';

/** The states of these runs, in their order, by primary key; null where there is no such run. */
export async function adminReadRunStates(db: Database, refs: readonly RunRef[]): Promise<(RunState | null)[]> {
  const states = await reading(() => readRunStates(db, refs));
  return refs.map(({ orgId, runId }) => states.get(keyOfRun(orgId, runId)) ?? null);
}
