import type { RuntimeMetrics } from '@bullpen/core';

/** Runs that finished in [fromMs, toMs). */
export interface RunBucket {
  fromMs: number;
  toMs: number;
  succeeded: number;
  failed: number;
}

type Window = Pick<RuntimeMetrics, 'from' | 'to' | 'stepMs'>;
type Series = Window & Pick<RuntimeMetrics, 'series'>;

/**
 * The series as at most `atMost` buckets of equal width over its whole window, the empty ones included. Several steps
 * of the series go to one bucket where there are more; buckets lie on multiples of their width, so that the picture
 * moves by whole buckets instead of trembling at every poll.
 */
export function bucketRuns(metrics: Series, atMost: number, orgId: string | null = null): RunBucket[] {
  return fill(metrics, orgId === null ? metrics.series : metrics.series.filter((point) => point.orgId === orgId), atMost);
}

/** All organizations as one. */
export function bucketAllRuns(metrics: Window & Pick<RuntimeMetrics, 'timeline'>, atMost: number): RunBucket[] {
  return fill(metrics, metrics.timeline, atMost);
}

function fill(window: Window, points: readonly { at: string; runs: number; failures: number }[], atMost: number): RunBucket[] {
  const buckets = emptyBuckets(window, atMost);
  const first = buckets[0];
  if (first === undefined) return buckets;
  const widthMs = first.toMs - first.fromMs;
  for (const point of points) {
    const bucket = buckets[Math.floor((Date.parse(point.at) - first.fromMs) / widthMs)];
    if (bucket !== undefined) count(bucket, point.runs, point.failures);
  }
  return buckets;
}

/** The same for every organization at once, in one pass over the series. */
export function bucketRunsByOrganization(metrics: Series, atMost: number): Map<string, RunBucket[]> {
  const seriesOf = Map.groupBy(metrics.series, (point) => point.orgId);
  return new Map([...seriesOf].map(([orgId, series]) => [orgId, bucketRuns({ ...metrics, series }, atMost)]));
}

function emptyBuckets({ from, to, stepMs }: Window, atMost: number): RunBucket[] {
  const fromMs = Date.parse(from);
  const toMs = Date.parse(to);
  // One more step than fits exactly: the window seldom begins on a boundary.
  const steps = Math.ceil((toMs - fromMs) / stepMs) + 1;
  const widthMs = stepMs * Math.ceil(steps / atMost);
  const buckets: RunBucket[] = [];
  for (let atMs = Math.floor(fromMs / widthMs) * widthMs; atMs < toMs; atMs += widthMs) {
    buckets.push({ fromMs: atMs, toMs: atMs + widthMs, succeeded: 0, failed: 0 });
  }
  return buckets;
}

function count(bucket: RunBucket, runs: number, failures: number): void {
  bucket.succeeded += runs - failures;
  bucket.failed += failures;
}
