import type { RuntimeMetrics, RuntimeStatus, WorkerSnapshot } from '@bullpen/core';
import { describe, expect, it } from '@jest/globals';

import { matchesText, organizationRows } from './organization-rows.ts';

const status = {
  workers: [{} as WorkerSnapshot, {} as WorkerSnapshot],
  organizations: [
    { id: 'acme', name: 'Acme Corp', poolMb: 1024, reservedMb: 128, containers: 2, queue: { waiting: 1, delayed: 2, active: 3 } },
    { id: 'birch', name: 'Birch', poolMb: 512, reservedMb: 0, containers: 0, queue: { waiting: 0, delayed: 0, active: 0 } },
  ],
} as unknown as RuntimeStatus;
const metrics = {
  from: '2025-11-22T10:00:00.000Z', to: '2025-11-22T11:00:00.000Z', stepMs: 60_000,
  organizations: [{ orgId: 'acme', runs: 10, failures: 1, errorRatio: 0.1, p50Ms: 5, p95Ms: 9, queueWaitP95Ms: 2, cpuMs: 50, gbSeconds: 0.2 }],
  series: [{ at: '2025-11-22T10:30:00.000Z', orgId: 'acme', runs: 10, failures: 1 }],
} as unknown as RuntimeMetrics;

describe('the rows of the organizations', () => {
  it('counts the pool once for every worker', () => {
    expect(organizationRows(status, metrics).map(({ poolMb }) => poolMb)).toEqual([2048, 1024]);
  });

  it('tells "ran nothing" from "not known yet"', () => {
    const birch = (known: RuntimeMetrics | undefined) => organizationRows(status, known)[1];
    expect(birch(metrics)).toMatchObject({ runs: 0, failures: 0, errorRatio: null, p50Ms: null, buckets: [] });
    expect(birch(undefined)).toMatchObject({ runs: null, failures: null, errorRatio: null });
  });

  it('joins the queue, the figures of the hour and their shape', () => {
    const acme = organizationRows(status, metrics)[0];
    expect(acme).toMatchObject({ waiting: 1, delayed: 2, active: 3, runs: 10, errorRatio: 0.1, p95Ms: 9 });
    expect(acme?.buckets.reduce((sum, { succeeded, failed }) => sum + succeeded + failed, 0)).toBe(10);
  });

  it('finds text in the id or the name, whatever its case', () => {
    expect(['CORP', ' acme ', 'birch', ''].map((text) => matchesText({ id: 'acme', name: 'Acme Corp' }, text))).toEqual([true, true, false, true]);
  });
});
