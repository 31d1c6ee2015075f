import { describe, expect, it } from '@jest/globals';

import { gather } from './gather.ts';

describe('gathering calls', () => {
  it('sends one alone at once, and together what comes while a call is under way', async () => {
    const calls: number[][] = [];
    const releases: (() => void)[] = [];
    const double = gather(async (items: readonly number[]) => {
      calls.push([...items]);
      await new Promise<void>((release) => { releases.push(release); });
      return items.map((item) => item * 2);
    }, { most: 3, parallel: 1 });
    const first = double(1);
    await Promise.resolve();
    const others = [2, 3, 4, 5].map(double);
    expect(calls).toEqual([[1]]);
    releases[0]?.();
    expect(await first).toBe(2);
    await Promise.resolve();
    releases[1]?.();
    await others[0];
    await Promise.resolve();
    releases[2]?.();
    expect(await Promise.all(others)).toEqual([4, 6, 8, 10]);
    expect(calls).toEqual([[1], [2, 3, 4], [5]]);
  });

  it('fails for all in a call, and goes on', async () => {
    const picky = gather(async (items: readonly number[]) => {
      if (items.includes(0)) throw new Error('no zero');
      return items;
    }, { most: 10, parallel: 1 });
    const settled = await Promise.allSettled([picky(0), picky(1)]);
    expect(settled.map(({ status }) => status)).toEqual(['rejected', 'rejected']);
    expect(await picky(2)).toBe(2);
  });
});
