import { describe, expect, it } from '@jest/globals';

import type { FinishedRun } from '@bullpen/core';

import { binOf } from './histogram.ts';
import { addRun, bucketOf, emptyAggregate, keyOfAggregate, toCell } from './run-aggregate.ts';

const usage = { wallMs: 10, cpuMs: 4, peakHeapMb: 5, peakExternalMb: 0, gbSeconds: 0.5 };
const run: FinishedRun = {
  orgId: 'acme', runId: 'run_1', agent: 'echo', version: 1, tier: 'basic', state: 'succeeded', errorCode: null, finishedAtMs: 1_700_000_012_345,
  queueWaitMs: 3, usage,
};

describe('an aggregate of runs', () => {
  it('adds up what runs used and how long they waited', () => {
    const aggregate = emptyAggregate(run, 0);
    addRun(aggregate, run);
    addRun(aggregate, { ...run, queueWaitMs: 5 });
    const cell = toCell(aggregate);
    expect(cell).toMatchObject({ orgId: 'acme', agent: 'echo', outcome: 'succeeded', runs: 2, wallMs: 20, cpuMs: 8, gbSeconds: 1, queueWaitMs: 8, worstQueueWaitMs: 5, failures: 0 });
    expect(cell.wallHistogram).toEqual([(binOf(10) + 1000) * 2 ** 32 + 2]);
    expect(cell.queueWaitHistogram).toEqual([binOf(3), binOf(5)].map((bin) => (bin + 1000) * 2 ** 32 + 1));
  });

  it('counts a run that never began among the runs and the waits only', () => {
    const aggregate = emptyAggregate(run, 0);
    addRun(aggregate, { ...run, usage: null });
    expect(toCell(aggregate)).toMatchObject({ runs: 1, wallMs: 0, wallHistogram: [], cpuHistogram: [], queueWaitMs: 3 });
  });

  it('counts what the agent or a limit ended as a failure, with what went out and what was said', () => {
    const aggregate = emptyAggregate(run, 0);
    addRun(aggregate, { ...run, state: 'timed_out', usage: { ...usage, egressBytesOut: 100 }, tokens: 7 });
    addRun(aggregate, { ...run, state: 'cancelled', usage: { ...usage, egressBytesOut: 1 } });
    expect(toCell(aggregate)).toMatchObject({ runs: 2, failures: 1, egressBytes: 101, tokens: 7 });
  });

  it('takes what is no number, or less than nothing, as nothing', () => {
    const aggregate = emptyAggregate(run, 0);
    addRun(aggregate, { ...run, queueWaitMs: -7, usage: { ...usage, wallMs: Number.NaN, cpuMs: Infinity } });
    expect(toCell(aggregate)).toMatchObject({ runs: 1, queueWaitMs: 0, wallMs: 0, cpuMs: 0, gbSeconds: 0.5 });
  });
});

describe('what somebody made up', () => {
  it('spoils no sum', () => {
    const aggregate = emptyAggregate(run, 0);
    for (let n = 0; n < 3; n += 1) addRun(aggregate, { ...run, usage: { ...usage, cpuMs: Number.MAX_VALUE, egressBytesOut: Number.MAX_VALUE }, tokens: Number.MAX_VALUE });
    const { cpuMs, egressBytes, tokens } = toCell(aggregate);
    expect([cpuMs, egressBytes, tokens]).toEqual([3e15, 3e15, 3e15]);
  });
});

describe('a bucket', () => {
  it('is the ten seconds in which the run finished', () => {
    expect(bucketOf(run.finishedAtMs, 0)).toBe(1_700_000_010_000);
    expect(bucketOf(Number.NaN, 25_000)).toBe(20_000);
  });

  it('is one per organization, agent, version, tier and outcome', () => {
    const keys = [run, { ...run, orgId: 'birch' }, { ...run, agent: 'other' }, { ...run, version: 2 }, { ...run, tier: 'strict' as const }, { ...run, state: 'failed' as const }].map((one) => keyOfAggregate(one, 0));
    expect(new Set(keys).size).toBe(6);
  });
});
