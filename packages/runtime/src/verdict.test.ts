import { describe, expect, it } from '@jest/globals';

import { deathOfThread } from './container/piscina-thread.mjs';
import { NO_USAGE } from './outcomes.ts';
import { deathAfter, judge, type Evidence, type AttemptEnding } from './verdict.ts';

const returned: AttemptEnding = { kind: 'replied', reply: { kind: 'returned', result: 1 } };
const died = (error: unknown): AttemptEnding => ({ kind: 'died', how: deathOfThread(error) });
const heapLimit = Object.assign(new Error('memory'), { code: 'ERR_WORKER_OUT_OF_MEMORY' });
const evidence = (parts: Partial<Evidence>): Evidence => ({
  cause: null, fault: null, ending: returned, usage: NO_USAGE, limitMb: 64, timeoutMs: 100, ...parts,
});

describe('the verdict over an attempt', () => {
  it('takes an interruption over a value returned in the grace', () => {
    expect(judge(evidence({ cause: { kind: 'interrupted', reason: 'cancelled' } }))).toEqual({ kind: 'interrupted', reason: 'cancelled', usage: NO_USAGE });
  });

  it('takes an event that cannot be kept over the value, the kill and the crash that followed', () => {
    const fault = { code: 'EVENT_TOO_LARGE', message: 'large' } as const;
    for (const ending of [returned, died(heapLimit)]) {
      expect(judge(evidence({ cause: { kind: 'event_fault' }, fault, ending }))).toMatchObject({ state: 'failed', error: { code: 'EVENT_TOO_LARGE' } });
    }
  });

  it.each([
    ['the deadline', { cause: { kind: 'timed_out' }, ending: died(new Error('aborted')) }, 'timed_out', 'TIMED_OUT', true, 'timed_out'],
    ['external memory', { cause: { kind: 'limit', state: 'out_of_memory', code: 'OUT_OF_MEMORY', message: 'x' }, ending: died(new Error('aborted')) }, 'out_of_memory', 'OUT_OF_MEMORY', false, 'out_of_memory'],
    ['the heap limit', { ending: died(heapLimit) }, 'out_of_memory', 'OUT_OF_MEMORY', false, 'out_of_memory'],
    ['CPU time', { cause: { kind: 'limit', state: 'cpu_exceeded', code: 'CPU_EXCEEDED', message: 'x' }, ending: died(null) }, 'cpu_exceeded', 'CPU_EXCEEDED', false, 'killed'],
    ['an exit', { ending: died(new Error('worker exited with code: 7')) }, 'crashed', 'AGENT_EXITED', true, 'exited'],
    ['anything else', { ending: died(null) }, 'crashed', 'CONTAINER_CRASHED', true, 'crashed'],
    ['a forged reply', { ending: { kind: 'replied', reply: null } }, 'crashed', 'CONTAINER_CRASHED', true, 'recycled'],
  ] as const)('names %s', (_, parts, state, code, retryable, death) => {
    const given = evidence(parts);
    expect(judge(given)).toMatchObject({ kind: 'failed', state, error: { code }, retryable });
    expect(deathAfter(given)).toBe(death);
  });

  it('gives an attempt back whose cell was lost because of another run', () => {
    const lost = evidence({ ending: { kind: 'died', how: { kind: 'cell_lost' } } });
    expect(judge(lost)).toEqual({ kind: 'interrupted', reason: 'cell_lost', usage: NO_USAGE });
    expect(deathAfter(lost)).toBe('crashed');
  });

  it('ends a container that went beyond a limit and replied all the same', () => {
    expect(deathAfter(evidence({ cause: { kind: 'limit', state: 'out_of_memory', code: 'OUT_OF_MEMORY', message: 'x' } }))).toBe('out_of_memory');
  });

  it('says that the heap was full, however old the last reading is', () => {
    expect(judge(evidence({ ending: died(heapLimit) }))).toMatchObject({ usage: { peakHeapMb: 64 } });
  });

  it('lets a container live on after a value and after a plain throw, not after a bundle that did not load', () => {
    expect(deathAfter(evidence({}))).toBeNull();
    expect(deathAfter(evidence({ ending: { kind: 'replied', reply: { kind: 'threw', message: 'x' } } }))).toBeNull();
    expect(deathAfter(evidence({ ending: { kind: 'replied', reply: { kind: 'load_failed', message: 'x' } } }))).toBe('recycled');
  });

  it('names the death of a container that did not heed an interruption', () => {
    const killed = (reason: 'cancelled' | 'shutdown' | 'lease_lost') => deathAfter(evidence({ cause: { kind: 'interrupted', reason }, ending: died(null) }));
    expect([killed('cancelled'), killed('lease_lost'), killed('shutdown')]).toEqual(['cancelled', 'cancelled', 'shutdown']);
  });
});
