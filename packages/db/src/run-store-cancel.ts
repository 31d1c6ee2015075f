import type { Run, RunState } from '@bullpen/core';

import type { WriteContext } from './coalescing-writer.ts';
import type { Database } from './database.ts';
import { cancelRuns, type CancelWrite } from './queries/cancel-runs.ts';
import { getRun } from './queries/get-run.ts';
import { readRunStates } from './queries/read-run-states.ts';
import { keyOfRun } from './queries/run-columns.ts';

export type CancelAnswer = { kind: 'moved'; run: Run } | { kind: 'unmoved'; state: RunState } | { kind: 'missing' };

/** One statement for those that move; a second one reads the states of the others. */
export async function writeCancels(
  db: Database, writes: readonly CancelWrite[], nowMs: number, { repeated }: WriteContext,
): Promise<CancelAnswer[]> {
  const moved = new Map<string, Run>();
  for (const run of await cancelRuns(db, writes, nowMs)) moved.set(keyOfRun(run.orgId, run.id), run);
  const unmoved = writes.filter(({ orgId, runId }) => !moved.has(keyOfRun(orgId, runId)));
  const states = unmoved.length === 0 ? new Map<string, RunState>() : await readRunStates(db, unmoved);
  return Promise.all(writes.map(async ({ orgId, runId }): Promise<CancelAnswer> => {
    const run = moved.get(keyOfRun(orgId, runId));
    if (run) return { kind: 'moved', run };
    const state = states.get(keyOfRun(orgId, runId));
    if (state === undefined) return { kind: 'missing' };
    // The answer of our first try was lost: what stands as cancelled now was asked for by us as well.
    if (repeated && state === 'cancelled') return { kind: 'moved', run: await getRun(db, orgId, runId) };
    return { kind: 'unmoved', state };
  }));
}
