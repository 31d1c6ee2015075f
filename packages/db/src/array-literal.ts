/**
 * A Postgres array literal of one value per row, for `unnest($1::text[], ...)`: one parameter a column, so that a
 * statement of one row and of two hundred is the same prepared statement.
 * Source: https://www.postgresql.org/docs/current/arrays.html#ARRAYS-IO
 */
export function arrayLiteral(values: readonly (string | number | boolean | null)[]): string {
  return `{${values.map(element).join(',')}}`;
}

/** A column of `rows`. */
export function column<T>(rows: readonly T[], valueOf: (row: T) => string | number | boolean | null): string {
  return arrayLiteral(rows.map(valueOf));
}

/** Milliseconds since the epoch as text that Postgres reads exactly; null stays null. */
export function timeText(ms: number | null): string | null {
  return ms === null ? null : new Date(ms).toISOString();
}

function element(value: string | number | boolean | null): string {
  if (value === null) return 'NULL';
  if (typeof value !== 'string') return String(value);
  // Most have nothing to escape, and looking is cheaper than replacing nothing.
  return value.includes('"') || value.includes('\\') ? `"${value.replace(/["\\]/g, '\\$&')}"` : `"${value}"`;
}
