import { describe, expect, it } from '@jest/globals';

import { decodeCursor, encodeCursor, toPage } from './cursor.ts';

describe('a cursor', () => {
  it('comes back as it went', () => {
    expect(decodeCursor(encodeCursor('2026-01-01T00:00:00.000Z', 'acme'), 'time', 'text')).toEqual(['2026-01-01T00:00:00.000Z', 'acme']);
  });

  it.each([
    ['text', 'nonsense'], ['another length', encodeCursor('a', 'b')], ['numbers', Buffer.from('[1]').toString('base64url')],
    ['a NUL', encodeCursor('a\0')], ['nothing', ''],
  ])('that holds %s is refused', (_, cursor) => {
    expect(() => decodeCursor(cursor, 'text')).toThrow('the cursor is not one of ours');
  });

  it('that would not fit the column it is compared with is refused', () => {
    expect(() => decodeCursor(encodeCursor('one'), 'number')).toThrow('not one of ours');
    expect(() => decodeCursor(encodeCursor('yesterday'), 'time')).toThrow('not one of ours');
    expect(() => decodeCursor(encodeCursor('2026-13-41T00:00:00.000Z'), 'time')).toThrow('not one of ours');
  });
});

describe('a page', () => {
  const page = (count: number) => toPage(Array.from({ length: count }, (_, i) => `r${i}`), 2, (row) => [row], (row) => row);

  it('points past its last item when there is more', () => {
    expect(page(3)).toEqual({ items: ['r0', 'r1'], nextCursor: encodeCursor('r1') });
  });

  it('ends when there is no more', () => {
    expect(page(2).nextCursor).toBeNull();
    expect(page(0)).toEqual({ items: [], nextCursor: null });
  });
});
