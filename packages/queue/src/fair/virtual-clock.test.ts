import { describe, expect, it } from '@jest/globals';

import { VirtualClock } from './virtual-clock.ts';

describe('the virtual clock', () => {
  it('rings timers in the order of their times, and those of one moment as they were set', () => {
    const clock = new VirtualClock();
    const rung: string[] = [];
    for (const [name, atMs] of [['c', 30], ['a', 10], ['b', 30], ['z', 20], ['late', 99]] as const) {
      clock.at(atMs, () => rung.push(`${name}@${clock.nowMs()}`));
    }
    clock.at(5, () => rung.push('taken back'))();
    while (clock.step(50));
    expect(rung).toEqual(['a@10', 'z@20', 'c@30', 'b@30']);
    expect(clock.nowMs()).toBe(50);
  });

  it('rings a timer set for the past at once, without going back', () => {
    const clock = new VirtualClock();
    clock.step(40);
    let rungAtMs = 0;
    clock.at(10, () => { rungAtMs = clock.nowMs(); });
    expect(clock.isBusyNow).toBe(true);
    clock.step(100);
    expect(rungAtMs).toBe(40);
  });
});
