import type { ColumnReport } from './columns.ts';

export interface Analysed {
  name: string;
  rowCount: number;
  columns: readonly ColumnReport[];
  raggedRows: readonly number[];
}

/** What a person would say about the table in a few sentences. */
export function summarise(table: Analysed): string[] {
  const { columns } = table;
  return [
    `${table.name} has ${table.rowCount} rows and ${columns.length} columns${period(columns)}.`,
    missing(table),
    ...columns.filter((column) => column.numbers !== undefined && !looksLikeId(column, table.rowCount)).map(aboutNumbers),
    ...columns.filter((column) => (column.top?.[0]?.share ?? 0) >= 0.1).map(aboutCategories),
    ...(table.raggedRows.length === 0 ? [] : [`${table.raggedRows.length} rows do not have one value per column, first row ${table.raggedRows[0]}.`]),
  ];
}

function period(columns: readonly ColumnReport[]): string {
  const dated = columns.find((column) => column.dates !== undefined);
  return dated?.dates === undefined ? '' : `, with ${dated.name} from ${dated.dates.first} to ${dated.dates.last}`;
}

function missing({ columns, rowCount }: Analysed): string {
  const gaps = columns.filter((column) => column.nulls > 0).sort((a, b) => b.nulls - a.nulls);
  if (gaps.length === 0) return 'No value is missing.';
  const worst = gaps.slice(0, 3).map((column) => `${column.name} (${percent(column.nulls / rowCount)})`);
  return `Values are missing in ${gaps.length} columns, most in ${worst.join(', ')}.`;
}

/** Whole numbers that follow each other closely and never repeat: a key, of which an average says nothing. */
function looksLikeId({ type, distinct, numbers }: ColumnReport, rowCount: number): boolean {
  return type === 'integer' && distinct === rowCount && numbers!.max - numbers!.min < 2 * rowCount;
}

function aboutNumbers({ name, numbers }: ColumnReport): string {
  const { mean, sd, min, max, outlierCount, outliers } = numbers!;
  const range = `${name} averages ${short(mean)} (sd ${short(sd)}) between ${short(min)} and ${short(max)}`;
  const farthest = outliers[0];
  return farthest === undefined ? `${range}, without outliers.` : `${range}; ${outlierCount} outliers, the farthest ${short(farthest.value)} in row ${farthest.row}.`;
}

function aboutCategories({ name, top, distinct }: ColumnReport): string {
  const [first] = top!;
  return `${name} has ${distinct} values; the most frequent is "${first!.value}" (${percent(first!.share)}).`;
}

const percent = (share: number): string => `${(share * 100).toFixed(1)} %`;

/** @example short(1234567.8) // '1,234,568', short(3.0294) // '3.03', short(1980) // '1980': it may be a year */
const short = (value: number): string => value.toLocaleString('en-US', { maximumFractionDigits: Math.abs(value) >= 1000 ? 0 : 2, useGrouping: 'min2' });
