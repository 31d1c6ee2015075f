import { describe, expect, it } from '@jest/globals';

import { formatSort, parseSort, sortRows } from './sorting.ts';

const rows = [
  { id: 'b', value: 2 }, { id: 'a', value: 2 }, { id: 'c', value: null }, { id: 'd', value: 10 }, { id: 'e', value: 0 },
];
const order = (descending: boolean) => sortRows(rows, ({ value }) => value, descending, ({ id }) => id).map(({ id }) => id).join('');

describe('sorting', () => {
  it('puts rows without a value last, whichever the direction', () => {
    expect([order(false), order(true)]).toEqual(['eabdc', 'dabec']);
  });

  it('sorts numbers within names by their size', () => {
    const names = ['org-10', 'org-9', 'Org-1'];
    expect(sortRows(names, (name) => name, false, (name) => name)).toEqual(['Org-1', 'org-9', 'org-10']);
  });

  it('leaves its input as it was', () => {
    order(true);
    expect(rows[0]?.id).toBe('b');
  });

  it('reads and writes the order of an address, and ignores a column that is not there', () => {
    const fallback = { column: 'runs', descending: true };
    expect(parseSort('-p95', ['runs', 'p95'], fallback)).toEqual({ column: 'p95', descending: true });
    expect(parseSort('nothing', ['runs'], fallback)).toBe(fallback);
    expect(parseSort(null, ['runs'], fallback)).toBe(fallback);
    expect(formatSort({ column: 'name', descending: false }) + formatSort(fallback)).toBe('name-runs');
  });
});
