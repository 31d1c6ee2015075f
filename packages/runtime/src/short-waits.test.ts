import { afterEach, describe, expect, it, jest } from '@jest/globals';

import type { RuntimeContainer } from './container.ts';
import { ShortWaits } from './short-waits.ts';

const container = {} as RuntimeContainer;
let testOver = new AbortController();

describe('runs that wait for a container in use', () => {
  // Who still waits would look at the clock for ever.
  afterEach(() => {
    testOver.abort();
    testOver = new AbortController();
  });

  it('waits for none while nothing is known of a bundle', () => {
    expect(new ShortWaits(() => 0).isWorthIt('a', 4)).toBe(false);
  });

  it('waits for a short one, and only while a start would take longer than those ahead', () => {
    const waits = new ShortWaits(() => 0);
    waits.learn('a', 8);
    expect(waits.isWorthIt('a', 1)).toBe(true);
    void waits.join('basic 64', 16, testOver.signal);
    expect(waits.isWorthIt('a', 1)).toBe(true);
    void waits.join('basic 64', 16, testOver.signal);
    expect(waits.isWorthIt('a', 1)).toBe(false);
    expect(waits.isWorthIt('a', 2)).toBe(true);
    expect(waits.isWorthIt('a', 0)).toBe(false);
  });

  it('holds a run that grew long with the machine against starts that did', () => {
    const waits = new ShortWaits(() => 0);
    waits.learn('a', 200);
    expect(waits.isWorthIt('a', 1)).toBe(false);
    for (let i = 0; i < 20; i += 1) waits.learnStart(900);
    expect(waits.isWorthIt('a', 1)).toBe(true);
  });

  it('serves those of a kind in their order, with what each reserved', async () => {
    const waits = new ShortWaits(() => 0);
    const small = waits.join('basic 64', 16, testOver.signal);
    const large = waits.join('basic 256', 80, testOver.signal);
    const next = waits.join('basic 64', 24, testOver.signal);
    expect(waits.serve('basic 256', container)).toBe(80);
    expect(waits.serve('basic 64', container)).toBe(16);
    expect(waits.serve('basic 64', container)).toBe(24);
    expect(waits.serve('basic 64', container)).toBeNull();
    expect(await Promise.all([small, large, next])).toEqual([container, container, container]);
  });

  it('lets go at once who is interrupted, and serves who came after', async () => {
    const waits = new ShortWaits(() => 0);
    const interrupt = new AbortController();
    const leaving = waits.join('basic 64', 16, interrupt.signal);
    const staying = waits.join('basic 64', 24, testOver.signal);
    interrupt.abort();
    expect(await leaving).toBeNull();
    expect(waits.serve('basic 64', container)).toBe(24);
    expect(await staying).toBe(container);
    expect(await waits.join('basic 64', 16, interrupt.signal)).toBeNull();
    expect(waits.serve('basic 64', container)).toBeNull();
  });

  it('lets go who has waited as long as a start takes, one at a time, and all that have waited for several', async () => {
    jest.useFakeTimers();
    try {
      let nowMs = 0;
      const waits = new ShortWaits(() => nowMs);
      const letGo: number[] = [];
      for (let n = 0; n < 8; n += 1) void waits.join('basic 64', 16, testOver.signal).then((given) => { if (given === null) letGo.push(n); });
      for (nowMs = 20; nowMs <= 80; nowMs += 20) await jest.advanceTimersByTimeAsync(20);
      expect(letGo).toEqual([0, 1, 2, 3]);
      await jest.advanceTimersByTimeAsync(20);
      expect(letGo).toEqual([0, 1, 2, 3, 4, 5, 6, 7]);
    } finally {
      jest.useRealTimers();
    }
  });
});
