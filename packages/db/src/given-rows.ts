import type postgres from 'postgres';

import { column } from './array-literal.ts';
import type { Database } from './database.ts';

type Value = string | number | boolean | null;

/** How a column of the rows is called, what it is to Postgres, and what a row has in it. Names and types are words of ours. */
export type GivenColumn<Row> = readonly [name: string, type: string, of: (row: Row) => Value];

/**
 * Rows as a statement takes them: `FROM ${given}`, where they are called `given`. Many go as one array a column, on
 * connections that plan each execution by the size of that moment. One goes as itself, on connections that keep the plan:
 * found by a whole key, it is right at any size, and planning is more than half of what such a statement costs.
 */
export function givenRows<Row>(
  db: Database, rows: readonly Row[], columns: readonly GivenColumn<Row>[],
): { sql: postgres.Sql; given: postgres.Fragment } {
  const [only] = rows;
  if (rows.length !== 1 || only === undefined) return { sql: db.sql, given: asArrays(db.sql, rows, columns) };
  return { sql: db.keyed, given: asItself(db.keyed, only, columns) };
}

/**
 * The same for rows that a statement adds: it reads no table but by whole keys, so its plan stands for any number of rows and at any size.
 * So do those by which Postgres checks foreign keys, which it else plans anew for every row (measured for 32 runs: 73 µs each, 40 with plans that are kept).
 */
export function rowsToAdd<Row>(db: Database, rows: readonly Row[], columns: readonly GivenColumn<Row>[]): { sql: postgres.Sql; given: postgres.Fragment } {
  const { keyed: sql } = db;
  const [only] = rows;
  return { sql, given: rows.length === 1 && only !== undefined ? asItself(sql, only, columns) : asArrays(sql, rows, columns) };
}

function asArrays<Row>(sql: postgres.Sql, rows: readonly Row[], columns: readonly GivenColumn<Row>[]): postgres.Fragment {
  const arrays = columns.map(([, type, of]) => sql`${column(rows, of)}::${sql.unsafe(`${type}[]`)}`);
  return sql`unnest(${joined(sql, arrays)}) AS given (${sql.unsafe(columns.map(([name]) => name).join(', '))})`;
}

function asItself<Row>(sql: postgres.Sql, row: Row, columns: readonly GivenColumn<Row>[]): postgres.Fragment {
  const values = columns.map(([name, type, of]) => sql`${of(row)}::${sql.unsafe(`${type} AS ${name}`)}`);
  return sql`(SELECT ${joined(sql, values)}) AS given`;
}

function joined(sql: postgres.Sql, parts: readonly postgres.Fragment[]): postgres.Fragment {
  return parts.slice(1).reduce((all, part) => sql`${all}, ${part}`, parts[0] ?? sql``);
}
