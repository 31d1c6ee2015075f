import { defineAgent } from '@bullpen/sdk';

import { describeColumn, type ColumnReport } from './columns.ts';
import { parseCsv } from './csv.ts';
import { summarise } from './summary.ts';

export interface CsvInput {
  name: string;
  csv: string;
}

export interface CsvReport {
  name: string;
  rowCount: number;
  columnCount: number;
  delimiter: string;
  raggedRows: number[];
  columns: ColumnReport[];
  summary: string[];
}

/** Reads a CSV file it has never seen and says what is in it. */
export default defineAgent<CsvInput, CsvReport>({
  name: 'csv-analyst',
  description: 'Infers the schema of a CSV file, describes its columns, finds outliers and sums it up in plain words.',
  timeoutMs: 15_000,
  memoryMb: 96,

  run({ name, csv }, ctx) {
    const table = parseCsv(csv);
    ctx.log('parsed', { rows: table.rows.length, columns: table.columns.length, delimiter: table.delimiter });
    if (table.raggedRows.length > 0) ctx.log.warn('some rows are ragged', { first: table.raggedRows[0], count: table.raggedRows.length });

    const columns = table.columns.map((column, c) => {
      ctx.signal.throwIfAborted();
      const report = describeColumn(column, table.rows.map((row) => row[c]!));
      ctx.progress((c + 1) / table.columns.length, column);
      return report;
    });

    const { raggedRows, delimiter } = table;
    const summary = summarise({ name, rowCount: table.rows.length, columns, raggedRows });
    return { name, rowCount: table.rows.length, columnCount: columns.length, delimiter, raggedRows, columns, summary };
  },
});
