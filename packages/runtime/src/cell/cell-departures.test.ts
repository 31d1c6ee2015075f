import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';

import { CellDepartures, type DepartingCell } from './cell-departures.ts';

interface FakeCell extends DepartingCell {
  state: 'runs' | 'stopped' | 'killed';
}

function fakeCell({ stops = true } = {}): FakeCell {
  const cell: FakeCell = {
    state: 'runs',
    stop: () => {
      if (stops) cell.state = 'stopped';
      return stops;
    },
    kill: () => { cell.state = 'killed'; },
  };
  return cell;
}

describe('used cells on their way out', () => {
  const departures = () => new CellDepartures({ monotonicMs: () => Date.now() });
  beforeEach(() => { jest.useFakeTimers({ now: 1000 }); });
  afterEach(() => { jest.useRealTimers(); });

  it('are stopped at once, and killed when no run was handed over for a while', () => {
    const leaving = departures();
    const cell = fakeCell();
    leaving.postpone();
    leaving.add(cell);
    expect(cell.state).toBe('stopped');
    jest.advanceTimersByTime(20);
    leaving.postpone();
    jest.advanceTimersByTime(20);
    expect(cell.state).toBe('stopped');
    jest.advanceTimersByTime(6);
    expect(cell.state).toBe('killed');
  });

  it('do not wait longer than 100 ms for a pause that does not come', () => {
    const leaving = departures();
    const first = fakeCell();
    leaving.postpone();
    leaving.add(first);
    for (let ms = 0; ms < 90; ms += 10) {
      leaving.postpone();
      jest.advanceTimersByTime(10);
    }
    const second = fakeCell();
    leaving.add(second);
    leaving.postpone();
    jest.advanceTimersByTime(11);
    expect([first.state, second.state]).toEqual(['killed', 'stopped']);
    jest.advanceTimersByTime(100);
    expect(second.state).toBe('killed');
  });

  it('are eight at most: the oldest goes first', () => {
    const leaving = departures();
    const cells = Array.from({ length: 10 }, () => fakeCell());
    leaving.postpone();
    for (const cell of cells) leaving.add(cell);
    expect(cells.map(({ state }) => state)).toEqual(['killed', 'killed', ...Array.from({ length: 8 }, () => 'stopped')]);
  });

  it('are killed at once where they cannot be stopped', () => {
    const cell = fakeCell({ stops: false });
    departures().add(cell);
    expect(cell.state).toBe('killed');
  });
});
