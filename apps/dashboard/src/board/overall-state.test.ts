import { scoreHealth, type Alert, type RuntimeStatus, type WorkerSnapshot } from '@bullpen/core';
import { describe, expect, it } from '@jest/globals';

import { overallState } from './overall-state.ts';
import type { HourTotals } from './totals.ts';

const AT = '2025-11-22T11:00:00.000Z';
const worker: WorkerSnapshot = {
  id: 'wkr_1', host: 'node-a', pid: 71, platform: 'linux x64', startedAt: AT, at: AT, state: 'running', slots: 4, running: 1, rssMb: 90, eventLoopDelayMs: 1, organizations: [],
};
const hour = (runs: number, failures: number): HourTotals => ({
  runs, failures, errorRatio: runs === 0 ? null : failures / runs, runsPerMinute: 0, p50Ms: null, p95Ms: null, slowest: null,
});

const HEALTHY = scoreHealth([], {});

function status(workers: WorkerSnapshot[], waiting = 0, reservedMb = 0): RuntimeStatus {
  return {
    at: AT, queueBackend: 'redis', workers, recentRuns: [],
    organizations: [{ id: 'acme', name: 'Acme', poolMb: 1024, reservedMb, containers: 0, queue: { waiting, delayed: 0, active: 0 }, health: HEALTHY }],
    workerHealth: {}, health: HEALTHY, alerts: [],
  };
}
const texts = (state: ReturnType<typeof overallState>) => state.reasons.map(({ text }) => text);

describe('the overall state', () => {
  it('needs attention while a critical alert fires that nobody has seen or silenced', () => {
    const alert = { state: 'firing', severity: 'critical', silenced: false, acknowledgedAt: null, rule: 'Organization starved', subject: 'acme' } as Alert;
    const withAlert = (change: Partial<Alert>) => overallState({ ...status([worker]), alerts: [{ ...alert, ...change }] }, null);
    expect(withAlert({})).toMatchObject({ tone: 'warn', reasons: [{ text: '1 critical alert fires: Organization starved (acme).' }] });
    for (const change of [{ state: 'pending' }, { severity: 'warning' }, { silenced: true }, { acknowledgedAt: AT }] as Partial<Alert>[]) expect(withAlert(change).tone).toBe('good');
  });

  it('is normal while workers report and nothing is full', () => {
    expect(overallState(status([worker], 3), hour(100, 5))).toEqual({ tone: 'good', headline: 'Working normally', reasons: [] });
  });

  it('says how many runs wait for a worker that is not there', () => {
    const state = overallState(status([], 12), null);
    expect([state.headline, ...texts(state)]).toEqual(['Not working', 'No worker is connected, 12 runs wait.']);
  });

  it('asks for attention when one of two workers is late, and is grave when none is left', () => {
    const late = { ...worker, at: '2025-11-22T10:59:50.000Z' };
    expect(overallState(status([worker, late]), null)).toMatchObject({ tone: 'warn', reasons: [{ text: 'Worker node-a:71 has missed its heartbeats.' }] });
    expect(overallState(status([late, { ...worker, state: 'quiescing' }]), null).headline).toBe('Not working');
  });

  it('names the slots that are all in use and the pool that is full, but only while runs wait for them', () => {
    const busy = { ...worker, running: 4 };
    expect(texts(overallState(status([busy], 1, 1024), null)))
      .toEqual(['All 4 slots are in use, 1 run waits.', 'The memory pool of acme is full, 1 run waits.']);
    expect(overallState(status([busy], 0, 1024), null).tone).toBe('good');
  });

  it('stays short when many workers are late or stop', () => {
    const late = { ...worker, at: '2025-11-22T10:59:50.000Z' };
    const quiescing = { ...worker, state: 'quiescing' } as const;
    expect(texts(overallState(status([late, late, late, late, quiescing, quiescing, worker]), null))).toEqual([
      'Workers node-a:71, node-a:71 and 2 more have missed their heartbeats.', '2 workers are stopping and take no new runs.',
    ]);
  });

  it('judges failures from ten runs on, and the gravest reason comes first', () => {
    expect(overallState(status([worker]), hour(9, 9)).tone).toBe('good');
    expect(texts(overallState(status([]), hour(10, 3)))).toEqual(['No worker is connected.', '30 % of the runs of the last hour failed.']);
  });
});
