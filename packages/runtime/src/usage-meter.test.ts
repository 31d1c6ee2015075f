import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';

import { UsageMeter } from './usage-meter.ts';

/** A container whose readings the test sets; `answers: false` is one inside a native call. */
function fakeContainer() {
  const now = { cpuMs: 0, heapMb: 5, externalMb: 2, answers: true, asked: 0 };
  const read = () => {
    now.asked += 1;
    const { cpuMs, heapMb, externalMb } = now;
    return now.answers ? Promise.resolve({ cpuMs, heapMb, externalMb }) : new Promise<never>(() => undefined);
  };
  return { now, meter: new UsageMeter({ read, sampleMs: 50, limitMb: 512 }) };
}

describe('the usage meter', () => {
  beforeEach(() => { jest.useFakeTimers(); });
  afterEach(() => { jest.useRealTimers(); });

  it('charges an attempt what its container used since the attempt before', async () => {
    const { now, meter } = fakeContainer();
    now.cpuMs = 20;
    await meter.readFinally();
    meter.begin(() => undefined);
    Object.assign(now, { cpuMs: 32, heapMb: 9 });
    await meter.readFinally();
    meter.end();
    expect(meter.usage(2000)).toEqual({ wallMs: 2000, cpuMs: 12, peakHeapMb: 9, peakExternalMb: 2, gbSeconds: 1 });
  });

  it('keeps the peak of what it saw, and forgets it with the next attempt', async () => {
    const { now, meter } = fakeContainer();
    const seen: number[] = [];
    meter.begin((reading) => void seen.push(reading.heapMb));
    now.heapMb = 40;
    await jest.advanceTimersByTimeAsync(50);
    now.heapMb = 7;
    await jest.advanceTimersByTimeAsync(50);
    meter.end();
    expect(seen).toEqual([40, 7]);
    expect(meter.usage(1).peakHeapMb).toBe(40);
    meter.begin(() => undefined);
    await meter.readFinally();
    meter.end();
    expect(meter.usage(1).peakHeapMb).toBe(7);
  });

  it('looks again sooner when it is asked to', async () => {
    const { meter } = fakeContainer();
    let readings = 0;
    meter.begin(() => ((readings += 1) === 1 ? 10 : undefined));
    await jest.advanceTimersByTimeAsync(60);
    expect(readings).toBe(2);
    meter.end();
  });

  it('keeps one reading under way, and does not wait long for it, when a container does not answer', async () => {
    const { now, meter } = fakeContainer();
    now.answers = false;
    meter.begin(() => undefined);
    await jest.advanceTimersByTimeAsync(500);
    meter.end();
    const last = meter.readFinally();
    await jest.advanceTimersByTimeAsync(100);
    await last;
    expect(now.asked).toBe(1);
    expect(jest.getTimerCount()).toBe(0);
  });
});
