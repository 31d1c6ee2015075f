import type { OrganizationMetrics, RuntimeMetrics } from '@bullpen/core';
import { describe, expect, it } from '@jest/globals';

import { hourTotals, weightedMedian } from './totals.ts';

const organization = (orgId: string, runs: number, failures: number, p50Ms: number | null, p95Ms: number | null): OrganizationMetrics =>
  ({ orgId, runs, failures, errorRatio: 0, p50Ms, p95Ms, queueWaitP95Ms: null, cpuMs: 0, gbSeconds: 0 });
const metrics = (organizations: OrganizationMetrics[]): RuntimeMetrics =>
  ({ from: '2025-11-22T10:00:00.000Z', to: '2025-11-22T11:00:00.000Z', stepMs: 60_000, organizations, series: [] });

describe('the totals of the last hour', () => {
  it('adds runs and names the slowest organization', () => {
    const totals = hourTotals(metrics([organization('acme', 90, 3, 20, 400), organization('birch', 30, 0, 500, 4200), organization('cedar', 0, 0, null, null)]));
    expect(totals).toEqual({ runs: 120, failures: 3, errorRatio: 0.025, runsPerMinute: 2, p50Ms: 20, slowest: { orgId: 'birch', p95Ms: 4200 } });
  });

  it('has no ratio and no percentiles where nothing ran', () => {
    expect(hourTotals(metrics([]))).toEqual({ runs: 0, failures: 0, errorRatio: null, runsPerMinute: 0, p50Ms: null, slowest: null });
  });

  it('weighs a median', () => {
    expect([weightedMedian([]), weightedMedian([{ value: 9, weight: 1 }, { value: 5, weight: 1 }]), weightedMedian([{ value: 9, weight: 3 }, { value: 5, weight: 1 }])])
      .toEqual([null, 5, 9]);
  });
});
