import type { OrganizationMetrics, RunFigures, RuntimeMetrics } from '@bullpen/core';
import { describe, expect, it } from '@jest/globals';

import { hourTotals } from './totals.ts';

const figures = (runs: number, failures: number, p50Ms: number | null, p95Ms: number | null): RunFigures => ({
  runs, failures, errorRatio: 0, runsPerS: 0, p50Ms, p90Ms: null, p95Ms, p99Ms: null, cpuP50Ms: null, cpuP95Ms: null, queueWaitP50Ms: null,
  queueWaitP95Ms: null, queueWaitP99Ms: null, worstQueueWaitMs: 0, wallMs: 0, cpuMs: 0, gbSeconds: 0, resourceSeconds: 0, egressBytes: 0, tokens: 0,
});
const metrics = (total: RunFigures, organizations: OrganizationMetrics[]) =>
  ({ from: '2025-11-22T10:00:00.000Z', to: '2025-11-22T11:00:00.000Z', total, organizations } as RuntimeMetrics);

describe('the totals of the last hour', () => {
  it('are those of all runs, and name the slowest organization', () => {
    const organizations = [{ orgId: 'acme', ...figures(90, 3, 20, 400) }, { orgId: 'birch', ...figures(30, 0, 500, 4200) }, { orgId: 'cedar', ...figures(0, 0, null, null) }];
    expect(hourTotals(metrics(figures(120, 3, 25, 900), organizations)))
      .toEqual({ runs: 120, failures: 3, errorRatio: 0.025, runsPerMinute: 2, p50Ms: 25, p95Ms: 900, slowest: { orgId: 'birch', p95Ms: 4200 } });
  });

  it('have no ratio and no percentiles where nothing ran', () => {
    expect(hourTotals(metrics(figures(0, 0, null, null), []))).toEqual({ runs: 0, failures: 0, errorRatio: null, runsPerMinute: 0, p50Ms: null, p95Ms: null, slowest: null });
  });
});
