import type { RunState, RunSummary } from '@bullpen/core';
import { describe, expect, it } from '@jest/globals';

import { filterRuns } from './run-filter.ts';

const run = (id: string, orgId: string, state: RunState, second: number) =>
  ({ id, orgId, state, queuedAt: new Date(Date.UTC(2025, 0, 1, 0, 0, second)).toISOString() }) as RunSummary;
const runs = [
  run('run_1', 'acme', 'succeeded', 1), run('run_2', 'birch', 'failed', 2), run('run_3', 'acme', 'running', 3),
  run('run_4', 'acme', 'cancelled', 4), run('run_5', 'birch', 'retrying', 4),
];
const ids = (filter: Parameters<typeof filterRuns>[1]) => filterRuns(runs, filter).map(({ id }) => id.slice(4)).join('');

describe('the filter of recent runs', () => {
  it('shows the newest first, and the larger id first of the same moment', () => {
    expect(ids({ runState: null, runOrg: null })).toBe('54321');
  });

  it('filters by organization and by state at once', () => {
    expect([ids({ runState: null, runOrg: 'acme' }), ids({ runState: 'running', runOrg: 'acme' }), ids({ runState: 'running', runOrg: 'birch' })])
      .toEqual(['431', '3', '']);
  });

  it('knows the unfinished and those that ended without success', () => {
    expect([ids({ runState: 'unfinished', runOrg: null }), ids({ runState: 'unsuccessful', runOrg: null })]).toEqual(['53', '42']);
  });
});
