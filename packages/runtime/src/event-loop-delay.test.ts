import { describe, expect, it } from '@jest/globals';

import { EventLoopDelay } from './event-loop-delay.ts';

describe('the event loop delay of a container', () => {
  it('is how long it took to answer, and grows while it does not', () => {
    let nowMs = 0;
    let pings = 0;
    const delay = new EventLoopDelay({ nowMs: () => nowMs, ping: () => { pings += 1; } });
    expect(delay.delayMs).toBeNull();
    delay.measure();
    nowMs = 3;
    delay.answered();
    expect(delay.delayMs).toBe(3);
    nowMs = 600;
    delay.measure();
    nowMs = 601;
    expect(delay.delayMs).toBe(3);
    nowMs = 1400;
    delay.measure();
    expect([delay.delayMs, pings]).toEqual([800, 2]);
    delay.answered();
    expect(delay.delayMs).toBe(800);
    delay.measure();
    nowMs = 1401;
    delay.answered();
    expect([delay.delayMs, pings]).toEqual([1, 3]);
  });

  it('is asked for at most ten times a second, however many runs there are', () => {
    let nowMs = 0;
    let pings = 0;
    const delay = new EventLoopDelay({ nowMs: () => nowMs, ping: () => { pings += 1; } });
    for (; nowMs < 1000; nowMs += 10) {
      delay.measure();
      delay.answered();
    }
    expect(pings).toBe(10);
  });
});
