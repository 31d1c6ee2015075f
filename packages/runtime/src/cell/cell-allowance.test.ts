import { describe, expect, it } from '@jest/globals';

import { CellAllowance } from './cell-allowance.ts';

function cellOf(...containersMb: number[]) {
  const allowance = new CellAllowance();
  allowance.begin(10);
  const together = () => containersMb.reduce((sum, mb) => sum + mb, 0);
  return {
    allowance,
    allowedMb: () => allowance.allowedMb(together()),
    leave: () => allowance.leave(containersMb.pop() ?? 0),
    join: (mb: number) => containersMb.push(mb),
  };
}

describe('the memory of a cell', () => {
  it('is what it had when it was blank, and what its containers may have', () => {
    const cell = cellOf(80, 150);
    expect(cell.allowedMb()).toBe(240);
    cell.allowance.look(200, 20);
    expect(cell.allowedMb()).toBe(240);
  });

  it('stays allowed where one that has left did not give it back, for as long as it is held', () => {
    const cell = cellOf(80, 150);
    expect(cell.allowedMb()).toBe(240);
    cell.leave();
    cell.allowance.look(130, 8);
    expect([cell.allowedMb(), cell.allowance.ownMb(130)]).toEqual([10 + 80 + 112, 8]);
    cell.allowance.look(40, 8);
    expect(cell.allowedMb()).toBe(10 + 80 + 22);
  });

  it('does not become room for those who stay: what they take later is theirs', () => {
    const cell = cellOf(80, 150);
    expect(cell.allowedMb()).toBe(240);
    cell.leave();
    cell.allowance.look(30, 8);
    expect(cell.allowedMb()).toBe(10 + 80 + 12);
    cell.allowance.look(110, 8);
    expect([cell.allowedMb(), cell.allowance.ownMb(110)]).toEqual([102, 88]);
  });

  it('is never more than its containers could have at once before, however many have left something', () => {
    const cell = cellOf(80);
    for (let i = 0; i < 20; i += 1) {
      cell.join(150);
      expect(cell.allowedMb()).toBe(240);
      cell.leave();
      cell.allowance.look(1000, 0);
    }
    expect(cell.allowedMb()).toBe(240);
  });
});
