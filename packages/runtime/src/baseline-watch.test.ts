import { describe, expect, it } from '@jest/globals';

import { BaselineWatch } from './baseline-watch.ts';

/** The first run after which a container of 64 MB creeps, or null. */
function creepsAfter(heldMb: (run: number) => number, runs = 200): number | null {
  const watch = new BaselineWatch(64);
  for (let run = 1; run <= runs; run += 1) if (watch.afterRun(heldMb(run))) return run;
  return null;
}

describe('the baseline of a container', () => {
  it('creeps when it has grown by a quarter of the limit since the first runs', () => {
    expect(creepsAfter((run) => 5 + run)).toBe(27); // the least of runs 18 to 27 is 23 MB; of the first ten it was 6
  });

  it('does not creep for garbage that is collected now and then, nor where it settles', () => {
    expect(creepsAfter((run) => 8 + (run % 9) * 6)).toBeNull();
    expect(creepsAfter((run) => Math.min(20, 5 + run))).toBeNull();
    expect(creepsAfter(() => 60)).toBeNull();
  });

  it('is the least of the last ten readings', () => {
    const watch = new BaselineWatch(64);
    expect(watch.baselineMb).toBe(0);
    for (const heldMb of [9, 4, 7]) watch.afterRun(heldMb);
    expect(watch.baselineMb).toBe(4);
    for (let i = 0; i < 10; i += 1) watch.afterRun(11);
    expect(watch.baselineMb).toBe(11);
  });
});
