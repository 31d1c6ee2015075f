import { describeNumbers, findOutliers, type NumberStatistics, type Outlier } from './statistics.ts';

export type ColumnType = 'integer' | 'number' | 'boolean' | 'date' | 'text' | 'empty';

export interface ColumnReport {
  name: string;
  type: ColumnType;
  /** Values that are missing: blank, NA, N/A, null or NaN. */
  nulls: number;
  distinct: number;
  /** Values that do not have the column's type: at most 1 in 100, or the column would be text. */
  misfits: number;
  numbers?: NumberStatistics & { outlierCount: number; outliers: Outlier[] };
  dates?: { first: string; last: string };
  /** The most frequent values of a text or boolean column that repeats itself. */
  top?: { value: string; count: number; share: number }[];
}

const NULL = /^(?:|na|n\/a|null|nan)$/i;
const NUMBER = /^[+-]?(?:\d+\.?\d*|\.\d+)(?:e[+-]?\d+)?$/i;
const PATTERNS: readonly [ColumnType, RegExp][] = [
  ['boolean', /^(?:true|false|yes|no)$/i],
  ['integer', /^[+-]?\d{1,15}$/],
  ['number', NUMBER],
  ['date', /^(?:\d{4}-\d{2}(?:-\d{2}(?:[T ][\d:.]+(?:Z|[+-]\d{2}:?\d{2})?)?)?|[A-Z][a-z]{2} \d{1,2},? \d{4}|\d{1,2}\/\d{1,2}\/\d{2,4})$/],
];
/** Share of the values that must have a type for the column to be of it: real files have a stray value here and there. */
const TYPE_SHARE = 0.99;
const SHOWN_OUTLIERS = 5;
const SHOWN_VALUES = 5;

/** Everything about one column; `values` are its cells, top to bottom. */
export function describeColumn(name: string, values: readonly string[]): ColumnReport {
  const present = values.map((value, i) => ({ row: i + 1, value: value.trim() })).filter(({ value }) => !NULL.test(value));
  const texts = present.map(({ value }) => value);
  const { type, misfits } = inferType(texts);
  const counts = countValues(texts);
  const report: ColumnReport = { name, type, nulls: values.length - present.length, distinct: counts.size, misfits };
  if (type === 'integer' || type === 'number') return { ...report, numbers: numbersOf(present) };
  if (type === 'date') return { ...report, dates: datesOf(texts) };
  // A column whose values never repeat (ids, titles) has no frequent ones.
  return counts.size < texts.length ? { ...report, top: topValues(counts, texts.length) } : report;
}

function inferType(texts: readonly string[]): { type: ColumnType; misfits: number } {
  if (texts.length === 0) return { type: 'empty', misfits: 0 };
  for (const [type, pattern] of PATTERNS) {
    const misfits = texts.reduce((count, text) => count + (pattern.test(text) ? 0 : 1), 0);
    // A stray fraction makes a column of numbers, not one of integers with a misfit.
    const allowed = type === 'integer' ? 0 : Math.floor(texts.length * (1 - TYPE_SHARE));
    if (misfits <= allowed) return { type, misfits };
  }
  return { type: 'text', misfits: 0 };
}

function numbersOf(present: readonly { row: number; value: string }[]): NonNullable<ColumnReport['numbers']> {
  const numbers = present.filter(({ value }) => NUMBER.test(value)).map(({ row, value }) => ({ row, value: Number(value) }));
  const statistics = describeNumbers(numbers.map(({ value }) => value));
  const outliers = findOutliers(numbers, statistics);
  return { ...statistics, outlierCount: outliers.length, outliers: outliers.slice(0, SHOWN_OUTLIERS) };
}

function datesOf(texts: readonly string[]): { first: string; last: string } {
  const dates = texts.map((text) => ({ text, ms: Date.parse(text) })).filter(({ ms }) => !Number.isNaN(ms)).sort((a, b) => a.ms - b.ms);
  return { first: dates[0]?.text ?? '', last: dates.at(-1)?.text ?? '' };
}

function countValues(texts: readonly string[]): Map<string, number> {
  const counts = new Map<string, number>();
  for (const text of texts) counts.set(text, (counts.get(text) ?? 0) + 1);
  return counts;
}

function topValues(counts: ReadonlyMap<string, number>, total: number): NonNullable<ColumnReport['top']> {
  return [...counts]
    .sort((a, b) => b[1] - a[1])
    .slice(0, SHOWN_VALUES)
    .map(([value, count]) => ({ value, count, share: count / total }));
}
