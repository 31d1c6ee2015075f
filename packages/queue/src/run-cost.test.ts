import { describe, expect, it } from '@jest/globals';

import { CostLedger } from './cost-ledger.ts';
import { CostAverages, DEFAULT_COST_SECONDS, costSecondsOf, heldCostSeconds } from './run-cost.ts';
import type { TakenRun } from './taken-run.ts';

describe('what a run costs', () => {
  it('is the memory it held and the CPU it used, in seconds', () => {
    expect(costSecondsOf({ gbSeconds: 0.5, cpuMs: 250 })).toBeCloseTo(0.75);
    expect(heldCostSeconds(512, 4000)).toBeCloseTo(2);
  });

  it('is estimated from what runs of the organization cost lately', () => {
    const averages = new CostAverages();
    expect(averages.estimateSeconds('a')).toBe(DEFAULT_COST_SECONDS);
    expect(averages.learn('a', 4)).toBe(4);
    expect(averages.estimateSeconds('a')).toBe(4);
    expect(averages.learn('a', 0)).toBeCloseTo(3.2);
    expect(averages.estimateSeconds('a')).toBeCloseTo(3.2);
    expect(averages.estimateSeconds('b')).toBe(DEFAULT_COST_SECONDS);
    for (let i = 0; i < 30; i += 1) averages.learn('a', 5);
    expect(averages.estimateSeconds('a')).toBeCloseTo(5, 0);
  });

  it('is told anew only where it moved', () => {
    const averages = new CostAverages();
    averages.learn('a', 1);
    expect(averages.learn('a', 1.05)).toBeNull();
    expect(averages.estimateSeconds('a')).toBe(1);
    expect(averages.learn('a', 1.2)).toBeCloseTo(1.048);
  });

  it('forgets the averages that were not asked for longest', () => {
    const averages = new CostAverages();
    averages.learn('kept', 1);
    averages.learn('dropped', 1);
    for (let i = 0; i < 49_999; i += 1) {
      averages.estimateSeconds('kept');
      averages.learn(`org-${i}`, 1);
    }
    expect(averages.estimateSeconds('kept')).toBe(1);
    expect(averages.estimateSeconds('dropped')).toBe(DEFAULT_COST_SECONDS);
  });
});

describe('what runs have been charged', () => {
  let nowMs = 0;
  const clock = { nowMs: () => nowMs, monotonicMs: () => nowMs };
  const taken = (runId: string): TakenRun => ({ orgId: 'a', runId, memoryMb: 1024, agent: 'one', redelivered: false, leaseToken: runId });

  it('adds up to what they used, whether they were estimated too high or too low', () => {
    const ledger = new CostLedger(clock);
    ledger.open(taken('r1'), 3);
    ledger.open(taken('r2'), 0.5);
    expect(ledger.close(taken('r1'), { gbSeconds: 1, cpuMs: 0 })).toEqual({ taken: taken('r1'), owedSeconds: -2, costSeconds: 1 });
    expect(ledger.close(taken('r2'), { gbSeconds: 1, cpuMs: 0 })).toEqual({ taken: taken('r2'), owedSeconds: 0.5, costSeconds: 1 });
  });

  it('grows while they last, once that is more than the estimate', () => {
    const ledger = new CostLedger(clock);
    ledger.open(taken('r1'), 3);
    nowMs += 2000;
    expect(ledger.accrue()).toEqual([]);
    nowMs += 2000;
    expect(ledger.accrue()).toEqual([{ orgId: 'a', chargeSeconds: 1 }]);
    nowMs += 500;
    expect(ledger.accrue()).toEqual([{ orgId: 'a', chargeSeconds: 0.5 }]);
    expect(ledger.close(taken('r1'), { gbSeconds: 5, cpuMs: 1000 }).owedSeconds).toBe(1.5);
    expect(ledger.accrue()).toEqual([]);
  });

  it('is taken off again where they go back, and stands where nobody measured', () => {
    const ledger = new CostLedger(clock);
    for (const runId of ['r1', 'r2', 'r3']) ledger.open(taken(runId), 3);
    expect(ledger.cancel(taken('r1'))).toBe(-3);
    expect(ledger.cancel(taken('r2'), { gbSeconds: 1, cpuMs: 0 })).toBe(-2);
    expect(ledger.close(taken('r3'))).toEqual({ taken: taken('r3'), owedSeconds: 0, costSeconds: null });
    expect(ledger.close(taken('r3'), { gbSeconds: 9, cpuMs: 0 }).owedSeconds).toBe(0);
  });
});
