import { describe, expect, it } from '@jest/globals';

import { CellAccounts, rangeOf } from './cell-accounts.ts';

describe('the accounts of cells that share a pid namespace', () => {
  it('are given to one cell at a time, while there are any', () => {
    const accounts = new CellAccounts({ from: 100, to: 104 });
    const taken = Array.from({ length: 4 }, () => accounts.take());
    expect(taken.map((account) => account?.uid).sort()).toEqual([100, 101, 102, 103]);
    expect(accounts.take()).toBeNull();
    accounts.giveBack(taken[2] ?? null);
    expect(accounts.take()).toEqual(taken[2]);
  });

  it('are of a range that other workers hardly meet in, where the machine has it', () => {
    expect(rangeOf('         0          0 4294967295\n')).toEqual({ from: 0x7000_0000, to: 0x7ffe_0000 });
    expect(rangeOf('         0     100000      65536\n')).toEqual({ from: 64_731, to: 65_534 });
    expect(rangeOf('')).toEqual({ from: 64_731, to: 65_534 });
  });
});
