import { readFileSync, readdirSync, statSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

import { parseCsv } from '../agents/csv-analyst/csv.ts';
import type { Document } from '../agents/document-indexer/search-index.ts';
import type { WeatherDay } from '../agents/long-report/weather-months.ts';

/**
 * The inputs of the examples: data sets of the npm package vega-datasets, and the READMEs of whatever packages are
 * installed here. Rows are converted and columns left out, to stay below the cap of an input; no row is made up.
 */

export interface CsvFile {
  name: string;
  csv: string;
  rowCount: number;
}

const DATA_DIR = join(dirname(fileURLToPath(import.meta.resolve('vega-datasets'))), '..', 'data');
const CHECKOUT_DIR = fileURLToPath(new URL('../../', import.meta.url));
/** Small enough for an input of 1 MiB of JSON, with room for its escapes. */
const README_BUDGET_BYTES = 500_000;
const README_COUNT = 80;

const readData = (file: string): string => readFileSync(join(DATA_DIR, file), 'utf8');

/** A CSV file as it stands. */
export function csvFile(file: string): CsvFile {
  const csv = readData(file);
  return { name: file, csv, rowCount: csv.trim().split('\n').length - 1 };
}

/** A file of JSON objects as CSV with the given columns. */
export function jsonAsCsv(file: string, columns: readonly string[]): CsvFile {
  const rows = JSON.parse(readData(file)) as Record<string, unknown>[];
  const lines = rows.map((row) => columns.map((column) => csvValue(row[column])).join(','));
  return { name: file, csv: [columns.map(csvValue).join(','), ...lines].join('\n'), rowCount: rows.length };
}

function csvValue(value: unknown): string {
  const text = value === null || value === undefined ? '' : String(value);
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}

/** Four years of days, 2012 to 2015. */
export function cityWeather(city: 'Seattle' | 'New York'): WeatherDay[] {
  const { columns, rows } = parseCsv(readData('weather.csv'));
  const textual = new Set(['location', 'date', 'weather']);
  return rows
    .map((row) => Object.fromEntries(row.map((value, i) => [columns[i]!, textual.has(columns[i]!) ? value : Number(value)])))
    .filter((day) => day['location'] === city)
    .map(({ location: _, ...day }) => day as unknown as WeatherDay);
}

/** READMEs of installed packages, in the order of their names, up to the budget. */
export function installedReadmes(): Document[] {
  const found = new Map<string, string>();
  for (const folder of packageFolders()) {
    const readme = readdirSync(folder.path).find((name) => /^readme\.(?:md|markdown)$/i.test(name));
    if (readme !== undefined && !found.has(folder.name)) found.set(folder.name, join(folder.path, readme));
  }
  const documents: Document[] = [];
  let bytes = 0;
  for (const [name, path] of [...found].sort(([a], [b]) => (a < b ? -1 : 1))) {
    const { size } = statSync(path);
    if (size < 1500 || size > 40_000 || bytes + size > README_BUDGET_BYTES || documents.length === README_COUNT) continue;
    documents.push({ path: `${name}/README.md`, text: readFileSync(path, 'utf8').toWellFormed().replaceAll('\0', '') });
    bytes += size;
  }
  return documents;
}

/** Every package that pnpm installed in this checkout. */
function packageFolders(): { name: string; path: string }[] {
  const store = join(CHECKOUT_DIR, 'node_modules', '.pnpm');
  return foldersIn(store).flatMap((entry) => {
    const modules = join(store, entry, 'node_modules');
    return foldersIn(modules)
      .flatMap((name) => (name.startsWith('@') ? foldersIn(join(modules, name)).map((inner) => `${name}/${inner}`) : [name]))
      .map((name) => ({ name, path: join(modules, name) }));
  });
}

/** Folders in a folder, none where it is not there; links, which lead to packages of other entries, are left out. */
function foldersIn(path: string): string[] {
  try {
    return readdirSync(path, { withFileTypes: true }).filter((entry) => entry.isDirectory()).map((entry) => entry.name);
  } catch {
    return [];
  }
}
