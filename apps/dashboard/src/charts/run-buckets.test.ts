import { describe, expect, it } from '@jest/globals';

import { bucketAllRuns, bucketRuns, bucketRunsByOrganization } from './run-buckets.ts';

const metrics = {
  from: '2025-11-22T10:00:30.000Z',
  to: '2025-11-22T11:00:30.000Z',
  stepMs: 60_000,
  series: [
    { at: '2025-11-22T10:00:00.000Z', orgId: 'acme', runs: 3, failures: 1 },
    { at: '2025-11-22T10:01:00.000Z', orgId: 'acme', runs: 2, failures: 0 },
    { at: '2025-11-22T10:01:00.000Z', orgId: 'birch', runs: 4, failures: 4 },
    { at: '2025-11-22T11:00:00.000Z', orgId: 'acme', runs: 5, failures: 0 },
    { at: '2025-11-22T12:30:00.000Z', orgId: 'acme', runs: 9, failures: 9 },
  ],
};

describe('runs in buckets', () => {
  it('covers the whole window, with its empty buckets and the one that is still filling', () => {
    const buckets = bucketRuns(metrics, 100);
    expect(buckets).toHaveLength(61);
    expect(buckets.slice(0, 3).map(({ succeeded, failed }) => [succeeded, failed])).toEqual([[2, 1], [2, 4], [0, 0]]);
    expect(buckets.at(-1)).toMatchObject({ succeeded: 5, failed: 0 });
  });

  it('puts several steps into one bucket when there are too many, and counts each run once', () => {
    const buckets = bucketRuns(metrics, 20);
    expect(buckets.length).toBeLessThanOrEqual(20);
    expect(buckets.reduce((sum, { succeeded, failed }) => sum + succeeded + failed, 0)).toBe(14);
  });

  it('takes all organizations from the timeline, which knows those that are not listed as well', () => {
    const timeline = [{ at: '2025-11-22T10:01:00.000Z', runs: 50, failures: 2, p50Ms: 1, p95Ms: 2, queueWaitP95Ms: 3 }];
    expect(bucketAllRuns({ ...metrics, timeline }, 100)[1]).toMatchObject({ succeeded: 48, failed: 2 });
  });

  it('keeps its boundaries while the window moves on', () => {
    const later = { ...metrics, from: '2025-11-22T10:00:50.000Z', to: '2025-11-22T11:00:50.000Z' };
    expect(bucketRuns(later, 20).map(({ fromMs }) => fromMs)).toEqual(bucketRuns(metrics, 20).map(({ fromMs }) => fromMs));
  });

  it('tells organizations apart', () => {
    const failed = (orgId: string) => bucketRuns(metrics, 100, orgId).reduce((sum, bucket) => sum + bucket.failed, 0);
    expect([failed('acme'), failed('birch'), failed('cedar')]).toEqual([1, 4, 0]);
    expect(bucketRunsByOrganization(metrics, 100).get('birch')).toEqual(bucketRuns(metrics, 100, 'birch'));
  });
});
