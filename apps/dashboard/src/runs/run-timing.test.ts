import { describe, expect, it } from '@jest/globals';

import { queueWait, runDuration, timeline } from './run-timing.ts';

const at = (second: number) => new Date(Date.UTC(2025, 10, 22, 11, 0, second)).toISOString();
const ms = (second: number) => Date.UTC(2025, 10, 22, 11, 0, second);
const finished = { state: 'succeeded', queuedAt: at(0), notBefore: null, claimedAt: at(2), startedAt: at(3), finishedAt: at(8) } as const;

describe('the timing of a run', () => {
  it('counts the wait from queued to claimed', () => {
    expect(queueWait(finished)).toEqual({ kind: 'ended', ms: 2000 });
  });

  it('does not count the delay of a scheduled run or the backoff of a retry as waiting', () => {
    expect(queueWait({ ...finished, notBefore: at(1) })).toEqual({ kind: 'ended', ms: 1000 });
    expect(queueWait({ ...finished, state: 'retrying', notBefore: at(30), finishedAt: null })).toEqual({ kind: 'growing', sinceMs: ms(30) });
  });

  it('ignores a not-before time that lies after the claim', () => {
    expect(queueWait({ ...finished, notBefore: at(5) })).toEqual({ kind: 'ended', ms: 2000 });
  });

  it('lets the wait of a queued run and the duration of a running one grow', () => {
    const queued = { ...finished, state: 'queued', claimedAt: null, startedAt: null, finishedAt: null } as const;
    expect([queueWait(queued), runDuration(queued)]).toEqual([{ kind: 'growing', sinceMs: ms(0) }, { kind: 'none' }]);
    expect(runDuration({ ...finished, state: 'running', finishedAt: null })).toEqual({ kind: 'growing', sinceMs: ms(3) });
  });

  it('measures a run that was never started from its claim, and one that was never claimed not at all', () => {
    expect(runDuration({ ...finished, startedAt: null })).toEqual({ kind: 'ended', ms: 6000 });
    expect(runDuration({ ...finished, state: 'expired', claimedAt: null, startedAt: null })).toEqual({ kind: 'none' });
  });

  it('tells each step of the timeline with the time since the one before', () => {
    expect(timeline(finished).map(({ name, afterMs }) => [name, afterMs])).toEqual([['queued', null], ['claimed', 2000], ['started', 1000], ['finished', 5000]]);
    const cancelled = timeline({ ...finished, state: 'cancelled', claimedAt: null, startedAt: null });
    expect(cancelled.map(({ afterMs }) => afterMs)).toEqual([null, null, null, 8000]);
  });
});
