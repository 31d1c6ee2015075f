import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';

import { AttemptWatch } from './attempt-watch.ts';
import { externalMemoryRule } from './memory-rules.ts';

const reading = (externalMb: number) => ({ heapMb: 1, externalMb, cpuMs: 1 });

describe('the watch over an attempt', () => {
  beforeEach(() => { jest.useFakeTimers(); });
  afterEach(() => { jest.useRealTimers(); });

  function watched(interrupt = new AbortController()) {
    const asked: string[] = [];
    const watch = new AttemptWatch({
      timeoutMs: 1000, limitMb: 64, memoryRule: externalMemoryRule, cpuLimitMs: 500, graceMs: 250, interrupt: interrupt.signal,
      askToStop: (reason) => asked.push(reason),
    });
    return { watch, asked, interrupt };
  }

  it('kills at the deadline, without asking', () => {
    const { watch, asked } = watched();
    jest.advanceTimersByTime(999);
    expect(watch.kill.aborted).toBe(false);
    jest.advanceTimersByTime(1);
    expect(watch.kill.aborted).toBe(true);
    expect(watch.cause).toEqual({ kind: 'timed_out' });
    expect(asked).toEqual([]);
  });

  it('asks first when interrupted, and kills after the grace', () => {
    const { watch, asked, interrupt } = watched();
    interrupt.abort('cancelled');
    expect(asked).toEqual(['cancelled']);
    jest.advanceTimersByTime(249);
    expect(watch.kill.aborted).toBe(false);
    jest.advanceTimersByTime(1);
    expect(watch.kill.aborted).toBe(true);
    expect(watch.cause).toEqual({ kind: 'interrupted', reason: 'cancelled' });
  });

  it('gives the attempt back when the reason is none of ours', () => {
    const { watch, interrupt } = watched();
    interrupt.abort();
    expect(watch.cause).toEqual({ kind: 'interrupted', reason: 'shutdown' });
  });

  it('notices an interruption that came before the attempt', () => {
    const interrupt = new AbortController();
    interrupt.abort('lease_lost');
    expect(watched(interrupt)).toMatchObject({ asked: ['lease_lost'], watch: { cause: { reason: 'lease_lost' } } });
  });

  it('keeps the first cause when the deadline passes in the grace', () => {
    const { watch, interrupt } = watched();
    jest.advanceTimersByTime(900);
    interrupt.abort('cancelled');
    jest.advanceTimersByTime(100);
    expect(watch.kill.aborted).toBe(true);
    expect(watch.cause).toMatchObject({ kind: 'interrupted' });
  });

  it('kills for external memory when a second look confirms it, or at once at twice the limit', () => {
    const confirmed = watched().watch;
    expect(confirmed.reading(reading(65), 0)).toBe(10);
    expect(confirmed.kill.aborted).toBe(false);
    confirmed.reading(reading(66), 0);
    expect(confirmed.cause).toMatchObject({ kind: 'limit', state: 'out_of_memory', code: 'OUT_OF_MEMORY' });
    const atOnce = watched().watch;
    atOnce.reading(reading(129), 0);
    expect(atOnce.kill.aborted).toBe(true);
  });

  it('lets garbage outside the heap pass that is freed before the second look', () => {
    const { watch } = watched();
    for (const externalMb of [65, 10, 65, 10]) watch.reading(reading(externalMb), 0);
    expect(watch.kill.aborted).toBe(false);
  });

  it('kills for CPU time beyond the allowance', () => {
    const { watch } = watched();
    watch.reading(reading(1), 500);
    expect(watch.kill.aborted).toBe(false);
    watch.reading(reading(1), 501);
    expect(watch.cause).toMatchObject({ kind: 'limit', state: 'cpu_exceeded', code: 'CPU_EXCEEDED' });
    expect(watch.kill.aborted).toBe(true);
  });

  it('gives an event fault the grace', () => {
    const { watch, asked } = watched();
    watch.eventFault();
    expect(asked).toEqual(['event_fault']);
    jest.advanceTimersByTime(250);
    expect(watch.kill.aborted).toBe(true);
  });

  it('leaves no timer and hears nothing more once it is closed', () => {
    const { watch, interrupt } = watched();
    watch.close();
    interrupt.abort('cancelled');
    expect(jest.getTimerCount()).toBe(0);
    expect(watch.cause).toBeNull();
  });
});
