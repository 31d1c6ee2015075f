import { BullpenError } from '@bullpen/core';

/**
 * Cursors are keyset positions: the sort key of the last item of a page, so that a page costs the same wherever it
 * is, and rows that arrive meanwhile move nothing. Opaque to callers: base64url of a JSON array of texts, the first of which
 * says what is listed: in another list the key would be a place as well, and the page from there a wrong one.
 */
export function encodeCursor(list: List, ...key: string[]): string {
  return Buffer.from(JSON.stringify([list, ...key])).toString('base64url');
}

/** What is listed by cursor. */
export type List = 'agents' | 'audit' | 'deliveries' | 'deployments' | 'keys' | 'organizations' | 'runs' | 'schedules' | 'versions';

/** What a part of a key must look like before it may go into a query. */
const PART_PATTERNS = {
  text: /^[^\0]+$/,
  number: /^\d{1,9}$/,
  time: /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/,
} as const;

export type CursorPart = keyof typeof PART_PATTERNS;

/** @throws BullpenError INVALID_REQUEST where it is no cursor of ours, of this list and with these parts. */
export function decodeCursor<Parts extends readonly CursorPart[]>(list: List, cursor: string, ...parts: Parts): { [P in keyof Parts]: string } {
  const read = readJson(Buffer.from(cursor, 'base64url').toString('utf8'));
  const [of, ...key] = Array.isArray(read) ? (read as unknown[]) : [];
  const fits = of === list && key.length === parts.length && parts.every((part, index) => isPart(part, key[index]));
  if (fits) return key as { [P in keyof Parts]: string };
  throw new BullpenError('INVALID_REQUEST', 'the cursor is not one of ours, or one of another list', {
    issues: [{ path: 'cursor', message: 'use the `nextCursor` of the page before' }],
  });
}

function isPart(part: CursorPart, text: unknown): boolean {
  return typeof text === 'string' && PART_PATTERNS[part].test(text) && (part !== 'time' || !Number.isNaN(Date.parse(text)));
}

/** Cuts the one row that was read beyond the page, which says that there is a next one. */
export function toPage<Row, Item>(
  list: List, rows: readonly Row[], limit: number, keyOf: (row: Row) => string[], toItem: (row: Row) => Item,
): { items: Item[]; nextCursor: string | null } {
  const page = rows.slice(0, limit);
  const last = page.at(-1);
  const nextCursor = rows.length > limit && last !== undefined ? encodeCursor(list, ...keyOf(last)) : null;
  return { items: page.map(toItem), nextCursor };
}

function readJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
