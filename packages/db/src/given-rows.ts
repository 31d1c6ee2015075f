import { column } from './array-literal.ts';
import type { Database } from './database.ts';

type Value = string | number | boolean | null;

/** How a column of the rows is called, what it is to Postgres, and what a row has in it. Names and types are words of ours. */
export type GivenColumn<Row> = readonly [name: string, type: string, of: (row: Row) => Value];

export interface GivenStatementOptions {
  /**
   * False of a statement that adds rows, or finds each of them by whole keys and nothing else: its plan stands for any number of rows. With
   * it goes that of the check of each row's foreign keys, which is else planned anew for every row (32 runs: 73 µs of Postgres each, 40 so).
   */
  readonly plansBySize?: boolean;
}

/** What came back, and of how many rows the statement says that it wrote them. */
export type GivenAnswer<Answer> = readonly Answer[] & { readonly count: number };

/**
 * A statement over rows as it takes them: `FROM ${given}`, where they are called `given`. Many go as one array a column, on
 * connections that plan each execution by the size of that moment. One goes as itself, on connections that keep the plan:
 * found by a whole key, it is right at any size, and planning is more than half of what such a statement costs.
 *
 * Its text is made once: to put it together anew each time took a process more than all the rest of the statement
 * (measured: 0.25 ms of CPU of 0.29). So what else it holds are words of ours, see `literal`.
 */
export function givenStatement<Row, Answer extends object>(
  columns: readonly GivenColumn<Row>[], textOf: (given: string) => string,
  { plansBySize = true }: GivenStatementOptions = {},
): (db: Database, rows: readonly Row[]) => Promise<GivenAnswer<Answer>> {
  const parameter = (i: number, type: string) => `$${i + 1}::${type}`;
  const one = textOf(`(SELECT ${columns.map(([name, type], i) => `${parameter(i, type)} AS ${name}`).join(', ')}) AS given`);
  const many = textOf(`unnest(${columns.map(([, type], i) => parameter(i, `${type}[]`)).join(', ')}) AS given (${columns.map(([name]) => name).join(', ')})`);
  return async (db, rows) => {
    const [only] = rows;
    if (rows.length === 1 && only !== undefined) return db.keyed.unsafe<Answer[]>(one, columns.map(([, , of]) => of(only)), { prepare: true });
    return (plansBySize ? db.sql : db.keyed).unsafe<Answer[]>(many, columns.map(([, , of]) => column(rows, of)), { prepare: true });
  };
}

/** A text of ours as a statement holds it. */
export function literal(text: string): string {
  return `'${text.replaceAll("'", "''")}'`;
}
