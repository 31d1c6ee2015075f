import { describe, expect, it } from '@jest/globals';
import type { TakenRun } from '@bullpen/queue';

import { ActiveRuns } from './active-runs.ts';

const taken = (leaseToken: string): TakenRun => ({ orgId: 'acme', runId: 'run_1', memoryMb: 64, redelivered: false, leaseToken });

describe('the runs that a worker holds', () => {
  it('are reached by organization and run', () => {
    const active = new ActiveRuns();
    const signal = active.add(taken('a'));
    expect([active.interrupt('acme', 'run_2', 'cancelled'), active.interrupt('globex', 'run_1', 'cancelled'), signal.aborted]).toEqual([false, false, false]);
    expect([active.interrupt('acme', 'run_1', 'cancelled'), signal.reason]).toEqual([true, 'cancelled']);
  });

  it('are still reached where the end of an earlier time comes after the run was taken again', async () => {
    const active = new ActiveRuns();
    const [first, second] = [taken('a'), taken('b')];
    active.add(first);
    const signal = active.add(second);
    active.delete(first);
    expect([active.size, active.interrupt('acme', 'run_1', 'cancelled'), signal.reason]).toEqual([1, true, 'cancelled']);
    expect(await active.whenEmpty(1)).toBe(false);
    active.delete(second);
    expect([active.size, active.interrupt('acme', 'run_1', 'cancelled'), await active.whenEmpty(1)]).toEqual([0, false, true]);
  });

  it('are told apart where an earlier time lost its lease', () => {
    const active = new ActiveRuns();
    const [first, second] = [taken('a'), taken('b')];
    const signals = [active.add(first), active.add(second)];
    active.interruptTaken(first, 'lease_lost');
    expect(signals.map(({ aborted }) => aborted)).toEqual([true, false]);
  });
});
