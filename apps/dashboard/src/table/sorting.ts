export type SortValue = string | number | null;

export interface SortOrder {
  column: string;
  descending: boolean;
}

/** Reads `runs` or `-runs` (descending); `fallback` where the column is not one of `columns`. */
export function parseSort(text: string | null, columns: readonly string[], fallback: SortOrder): SortOrder {
  if (text === null) return fallback;
  const descending = text.startsWith('-');
  const column = descending ? text.slice(1) : text;
  return columns.includes(column) ? { column, descending } : fallback;
}

export function formatSort({ column, descending }: SortOrder): string {
  return descending ? `-${column}` : column;
}

/**
 * A sorted copy. Rows without a value come last in both directions, and rows of equal value keep the order of `tie`,
 * so that a live table does not shuffle them.
 */
export function sortRows<T>(rows: readonly T[], valueOf: (row: T) => SortValue, descending: boolean, tie: (row: T) => string): T[] {
  const sign = descending ? -1 : 1;
  return rows.toSorted((a, b) => {
    const first = valueOf(a);
    const second = valueOf(b);
    if (first === null || second === null) return Number(first === null) - Number(second === null) || compare(tie(a), tie(b));
    return sign * compare(first, second) || compare(tie(a), tie(b));
  });
}

function compare(a: string | number, b: string | number): number {
  if (typeof a === 'number' && typeof b === 'number') return a - b;
  return String(a).localeCompare(String(b), 'en', { numeric: true });
}
