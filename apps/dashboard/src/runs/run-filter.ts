import type { RunSummary } from '@bullpen/core';

import type { BoardLocation } from '../location/board-location.ts';
import { STATE_VIEWS } from './run-states.ts';

export type RunFilter = Pick<BoardLocation, 'runState' | 'runOrg'>;

/** Newest first, those that pass both filters. */
export function filterRuns(runs: readonly RunSummary[], { runState, runOrg }: RunFilter): RunSummary[] {
  return runs
    .filter((run) => (runOrg === null || run.orgId === runOrg) && hasState(run, runState))
    .toSorted((a, b) => Date.parse(b.queuedAt) - Date.parse(a.queuedAt) || (b.id > a.id ? 1 : -1));
}

function hasState(run: RunSummary, wanted: RunFilter['runState']): boolean {
  if (wanted === null) return true;
  const { terminal } = STATE_VIEWS[run.state];
  if (wanted === 'unfinished') return !terminal;
  if (wanted === 'unsuccessful') return terminal && run.state !== 'succeeded';
  return run.state === wanted;
}
