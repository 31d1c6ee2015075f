import { describe, expect, it } from '@jest/globals';

import { LeaseTable, LeaseTableReader } from './lease-table.ts';

const lease = (n: number) => ({ orgId: `org-${n % 7}`, runId: `run_${n}`, leaseToken: `token:${n}` });

describe('the lease table', () => {
  it('shows what is held, and not what was released', () => {
    const table = new LeaseTable();
    const reader = new LeaseTableReader(table.memory);
    const slots = [1, 2, 3].map((n) => table.hold(lease(n))!);
    expect(reader.held()).toHaveLength(3);
    table.release(slots[1]!);
    expect(reader.held()).toEqual(expect.arrayContaining([lease(1), lease(3)]));
    expect(reader.held()).toHaveLength(2);
    table.hold(lease(4));
    expect(reader.held()).toEqual(expect.arrayContaining([lease(1), lease(3), lease(4)]));
  });

  it('grows, and tells the reader of the memory that came', () => {
    const grown: SharedArrayBuffer[] = [];
    const table = new LeaseTable((memory) => grown.push(memory));
    const reader = new LeaseTableReader(grown);
    const slots = Array.from({ length: 1500 }, (_, n) => table.hold(lease(n))!);
    expect(grown).toHaveLength(2);
    reader.add(grown[1]!);
    expect(new Set(reader.held().map(({ runId }) => runId)).size).toBe(1500);
    for (const slot of slots) table.release(slot);
    expect(reader.held()).toEqual([]);
  });

  it('refuses a lease whose names do not fit', () => {
    const table = new LeaseTable();
    expect(table.hold({ ...lease(1), runId: 'r'.repeat(400) })).toBeNull();
    expect(new LeaseTableReader(table.memory).held()).toEqual([]);
  });

  it('tells one sign of life from the next', () => {
    const table = new LeaseTable();
    const reader = new LeaseTableReader(table.memory);
    const before = reader.life;
    table.signOfLife();
    expect(reader.life).not.toBe(before);
  });
});
