import { BullpenError, type FailedState, type OrganizationMetrics, type RuntimeMetrics } from '@bullpen/core';
import {
  adminReadRunHistograms, adminReadRunSeries, adminReadRunTotals, type Database, type HistogramBin, type MetricsWindow,
} from '@bullpen/db';

import { addCount, quantile, type Histogram } from './histogram.ts';
import { BUCKET_MS } from './run-aggregate.ts';

/** What counts as a failure. A run that its caller cancelled or let expire is a run, but no failure of the agent. */
const FAILURES: readonly FailedState[] = ['failed', 'timed_out', 'out_of_memory', 'cpu_exceeded', 'crashed'];

/**
 * Runs that finished in [fromMs, toMs), per organization that has any, by id. The window is counted in whole buckets
 * of 10 s: its start is moved back to one. Percentiles are within 1 % (histogram.ts); those of wall time are null
 * where no run began.
 */
export async function organizationMetrics(db: Database, window: MetricsWindow): Promise<OrganizationMetrics[]> {
  const whole = wholeBuckets(window);
  const [totals, bins] = await Promise.all([adminReadRunTotals(db, whole, FAILURES), adminReadRunHistograms(db, whole)]);
  const histograms = gather(bins);
  return totals.map(({ orgId, runs, failures, cpuMs, gbSeconds }) => {
    const wall = histograms.get(`wall/${orgId}`) ?? new Map();
    return {
      orgId,
      runs,
      failures,
      errorRatio: runs === 0 ? 0 : failures / runs,
      p50Ms: quantile(wall, 0.5),
      p95Ms: quantile(wall, 0.95),
      queueWaitP95Ms: quantile(histograms.get(`queue_wait/${orgId}`) ?? new Map(), 0.95),
      cpuMs,
      gbSeconds,
    };
  });
}

/**
 * Runs and failures per step and organization, oldest first. Steps lie on multiples of their length; those in which
 * nothing finished are left out.
 *
 * @param window.stepMs - a multiple of 10,000.
 * @throws BullpenError INVALID_REQUEST for any other step.
 */
export async function runSeries(db: Database, window: MetricsWindow & { stepMs: number }): Promise<RuntimeMetrics['series']> {
  const { stepMs } = window;
  if (stepMs <= 0 || stepMs % BUCKET_MS !== 0) {
    throw new BullpenError('INVALID_REQUEST', `a step is a multiple of ${BUCKET_MS} ms, not ${stepMs}`, { stepMs });
  }
  const points = await adminReadRunSeries(db, { ...wholeBuckets(window), stepMs }, FAILURES);
  return points.map(({ atMs, ...point }) => ({ at: new Date(atMs).toISOString(), ...point }));
}

function wholeBuckets({ fromMs, toMs }: MetricsWindow): MetricsWindow {
  return { fromMs: Math.floor(fromMs / BUCKET_MS) * BUCKET_MS, toMs };
}

/** By measure and organization. */
function gather(bins: readonly HistogramBin[]): Map<string, Histogram> {
  const histograms = new Map<string, Histogram>();
  for (const { orgId, measure, bin, count } of bins) {
    const key = `${measure}/${orgId}`;
    const histogram = histograms.get(key) ?? new Map<number, number>();
    histograms.set(key, histogram);
    addCount(histogram, bin, count);
  }
  return histograms;
}
