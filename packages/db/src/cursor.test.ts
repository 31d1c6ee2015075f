import { describe, expect, it } from '@jest/globals';

import { decodeCursor, encodeCursor, toPage } from './cursor.ts';

describe('a cursor', () => {
  it('comes back as it went', () => {
    expect(decodeCursor('agents', encodeCursor('agents', '2026-01-01T00:00:00.000Z', 'acme'), 'time', 'text')).toEqual(['2026-01-01T00:00:00.000Z', 'acme']);
  });

  it.each([
    ['text', 'nonsense'], ['another length', encodeCursor('runs', 'a', 'b')], ['numbers', Buffer.from('["runs",1]').toString('base64url')],
    ['a NUL', encodeCursor('runs', 'a\0')], ['nothing', ''], ['the place in another list', encodeCursor('schedules', 'a')], ['no list', Buffer.from('["a"]').toString('base64url')],
  ])('that holds %s is refused', (_, cursor) => {
    expect(() => decodeCursor('runs', cursor, 'text')).toThrow('the cursor is not one of ours');
  });

  it('that would not fit the column it is compared with is refused', () => {
    expect(() => decodeCursor('runs', encodeCursor('runs', 'one'), 'number')).toThrow('not one of ours');
    expect(() => decodeCursor('runs', encodeCursor('runs', 'yesterday'), 'time')).toThrow('not one of ours');
    expect(() => decodeCursor('runs', encodeCursor('runs', '2026-13-41T00:00:00.000Z'), 'time')).toThrow('not one of ours');
  });
});

describe('a page', () => {
  const page = (count: number) => toPage('runs', Array.from({ length: count }, (_, i) => `r${i}`), 2, (row) => [row], (row) => row);

  it('points past its last item when there is more', () => {
    expect(page(3)).toEqual({ items: ['r0', 'r1'], nextCursor: encodeCursor('runs', 'r1') });
  });

  it('ends when there is no more', () => {
    expect(page(2).nextCursor).toBeNull();
    expect(page(0)).toEqual({ items: [], nextCursor: null });
  });
});
