import { describe, expect, it } from '@jest/globals';

import { DemandWindow, WINDOW_MS } from './demand-window.ts';

function windowAt(startMs = 0) {
  const clock = { nowMs: startMs };
  return { clock, demand: new DemandWindow<string>(() => clock.nowMs) };
}
const use = (demand: DemandWindow<string>, kind: string, count: number) => {
  for (let i = 0; i < count; i += 1) demand.begin(kind);
  return () => { for (let i = 0; i < count; i += 1) demand.end(kind); };
};

describe('recent demand', () => {
  it('is the most that was in use at once within the window, by kind', () => {
    const { clock, demand } = windowAt(5000);
    const over = use(demand, '64', 4);
    use(demand, '128', 1);
    over();
    use(demand, '64', 2);
    expect([demand.expected('64'), demand.inUse('64'), demand.expected('128'), demand.expected('32')]).toEqual([4, 2, 1, 0]);
    expect(demand.kinds()).toEqual(['64', '128']);
    clock.nowMs += WINDOW_MS - 10_001;
    expect(demand.expected('64')).toBe(4);
    clock.nowMs += 20_000;
    expect(demand.expected('64')).toBe(2);
  });

  it('is forgotten when nothing was used for the whole window', () => {
    const { clock, demand } = windowAt();
    use(demand, '64', 3)();
    clock.nowMs += 2 * WINDOW_MS;
    expect(demand.expected('64')).toBe(0);
    expect(demand.kinds()).toEqual([]);
  });

  it('stays what is in use, however long that lasts', () => {
    const { clock, demand } = windowAt();
    use(demand, '64', 3);
    clock.nowMs += 10 * WINDOW_MS;
    expect(demand.expected('64')).toBe(3);
  });
});
