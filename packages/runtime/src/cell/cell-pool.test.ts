import { describe, expect, it, jest } from '@jest/globals';
import { silentLogger } from '@bullpen/core';

import { CellPool } from './cell-pool.ts';

/** What a pool sees of a cell, and its size. */
interface FakeCell {
  readonly limitMb: number;
  readonly gone: Promise<unknown>;
  readonly hasEnded: boolean;
  start(): Promise<void>;
  kill(): void;
}

/** Cells that start at once and live until they are killed. */
function rigPool() {
  const alive = new Set<FakeCell>();
  const make = (limitMb: number): FakeCell => {
    const { promise: gone, resolve } = Promise.withResolvers<unknown>();
    const cell: FakeCell = {
      limitMb, gone, hasEnded: false,
      start: async () => { alive.add(cell); },
      kill: () => {
        alive.delete(cell);
        resolve(null);
      },
    };
    return cell;
  };
  return { alive, pool: new CellPool({ log: silentLogger, make }) };
}

/** How many cells wait in the pool, once it has filled itself up. */
async function sparesIn(alive: Set<FakeCell>, taken: FakeCell[]): Promise<number> {
  await jest.advanceTimersByTimeAsync(100);
  return alive.size - taken.length;
}

describe('the pool of blank cells', () => {
  it('keeps one of each size that was asked for, and gives each out once', async () => {
    jest.useFakeTimers();
    const { alive, pool } = rigPool();
    void pool.prepare(64);
    const taken = [await pool.take(64), await pool.take(128)];
    expect(new Set(taken).size).toBe(2);
    expect(taken.map(({ limitMb }) => limitMb)).toEqual([64, 128]);
    expect(await sparesIn(alive, taken)).toBe(3); // 128 was not ready: one more of it from now on
    await pool.close();
    expect(alive.size).toBe(2);
    jest.useRealTimers();
  });

  it('keeps as many as a burst took, eight at most, and fewer again when nobody needs them', async () => {
    jest.useFakeTimers();
    const { alive, pool } = rigPool();
    void pool.prepare(64);
    const taken = await Promise.all([1, 2, 3, 4].map(() => pool.take(64)));
    expect(await sparesIn(alive, taken)).toBe(4);
    taken.push(...await Promise.all(Array.from({ length: 20 }, () => pool.take(64))));
    expect(await sparesIn(alive, taken)).toBe(8);
    await jest.advanceTimersByTimeAsync(70_000);
    expect(await sparesIn(alive, taken)).toBe(1);
    await pool.close();
    jest.useRealTimers();
  });

  it('starts what runs wait for first, in their order, so many at once, and spares afterwards', async () => {
    jest.useFakeTimers();
    const made: { resolve: () => void }[] = [];
    const make = (limitMb: number): FakeCell => {
      const { promise, resolve } = Promise.withResolvers<void>();
      made.push({ resolve });
      return { limitMb, gone: Promise.resolve(), hasEnded: false, start: () => promise, kill: () => undefined };
    };
    const pool = new CellPool({ log: silentLogger, make, maxStarts: 2 });
    const taken: number[] = [];
    const runs = [1, 2, 3].map(async (run) => {
      await pool.take(64);
      taken.push(run);
    });
    await jest.advanceTimersByTimeAsync(100);
    expect(made).toHaveLength(2); // no third one, and no spare
    made[1]?.resolve();
    await jest.advanceTimersByTimeAsync(100);
    expect(taken).toEqual([2]);
    expect(made).toHaveLength(3);
    made[0]?.resolve();
    made[2]?.resolve();
    await Promise.all(runs);
    await jest.advanceTimersByTimeAsync(100);
    expect(made).toHaveLength(4); // a spare: the next waits for it
    await pool.close();
    jest.useRealTimers();
  });
});
