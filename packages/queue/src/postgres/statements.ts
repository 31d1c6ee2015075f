import { readFileSync } from 'node:fs';
import type { Pool, QueryResultRow } from 'pg';

const STATEMENT_NAMES = [
  'mark-ready', 'schedule', 'promote', 'claim', 'settle', 'reserve', 'adjust', 'set-limits', 'limits', 'standing', 'known', 'forget', 'take-sweep-turn', 'ordered', 'extend-flows',
  'erase', 'erase-queue',
] as const;
type StatementName = (typeof STATEMENT_NAMES)[number];

/** Runs one of the statements in ./sql; each connection prepares it once. */
export type RunStatement = <Row extends QueryResultRow = QueryResultRow>(name: StatementName, values: readonly unknown[]) => Promise<Row[]>;

export function loadStatements(pool: Pool): RunStatement {
  const texts = new Map(STATEMENT_NAMES.map((name) => [name, readFileSync(new URL(`./sql/${name}.sql`, import.meta.url), 'utf8')]));
  return async (name, values) => {
    const { rows } = await pool.query({ name: `bullpen:${name}`, text: texts.get(name)!, values: [...values] });
    return rows;
  };
}
