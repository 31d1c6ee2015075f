import { describe, expect, it } from '@jest/globals';

import { csvFile, jsonAsCsv } from '../../src/real-data.ts';
import { describeColumn, type ColumnReport } from './columns.ts';
import { parseCsv } from './csv.ts';
import { describeNumbers } from './statistics.ts';
import { summarise } from './summary.ts';

function columnsOf(csv: string): Map<string, ColumnReport> {
  const { columns, rows } = parseCsv(csv);
  return new Map(columns.map((name, c) => [name, describeColumn(name, rows.map((row) => row[c]!))]));
}

describe('the CSV parser', () => {
  it('reads quotes with delimiters, line ends and quotes inside, and every line end', () => {
    expect(parseCsv('\uFEFFa,b\r\n"x, ""y""\n z",1\r2,"3"\n')).toEqual({ delimiter: ',', columns: ['a', 'b'], rows: [['x, "y"\n z', '1'], ['2', '3']], raggedRows: [] });
  });

  it('finds the delimiter in the heading, quoted ones aside', () => {
    expect(parseCsv('"a,b,c";d\n1;2').columns).toEqual(['a,b,c', 'd']);
    expect(parseCsv('a\tb\n1\t2').delimiter).toBe('\t');
  });

  it('fills up short rows, cuts long ones, and names both', () => {
    expect(parseCsv('a,b\n1\n1,2,3\n\n1,2')).toMatchObject({ rows: [['1', ''], ['1', '2'], ['1', '2']], raggedRows: [1, 2] });
  });

  it('survives a quote that is never closed, an empty text and a delimiter at the very end', () => {
    expect(parseCsv('a,b\n1,"2').rows).toEqual([['1', '2']]);
    expect(parseCsv('').rows).toEqual([]);
    expect(parseCsv('a,b\n1,').rows).toEqual([['1', '']]);
  });

  it('gives back every movie as it was written', () => {
    const file = jsonAsCsv('movies.json', ['Title', 'Distributor', 'IMDB Votes']);
    const { rows, raggedRows } = parseCsv(file.csv);
    expect([rows.length, raggedRows]).toEqual([3201, []]);
    expect(rows.map((row) => row[0])).toContain('First Love, Last Rites');
  });
});

describe('the CSV analyst', () => {
  // The figures are those of Python's csv and statistics modules (quantiles: method="inclusive").
  it('agrees with another implementation on four years of weather', () => {
    const columns = columnsOf(csvFile('seattle-weather.csv').csv);
    expect(columns.get('date')).toMatchObject({ type: 'date', distinct: 1461, dates: { first: '2012-01-01', last: '2015-12-31' } });
    const { mean, sd, ...exact } = columns.get('temp_max')!.numbers!;
    expect(exact).toMatchObject({ min: -1.6, q1: 10.6, median: 15.6, q3: 22.2, max: 35.6, outlierCount: 0 });
    expect(mean).toBeCloseTo(16.43908281998631, 10);
    expect(sd).toBeCloseTo(7.349758097360177, 10);
    expect(columns.get('precipitation')!.numbers).toMatchObject({ outlierCount: 206, outliers: [{ row: 1170, value: 55.9 }, {}, {}, {}, {}] });
    expect(columns.get('weather')!.top!.map(({ value, count }) => [value, count])).toEqual([['rain', 641], ['sun', 640], ['fog', 101], ['drizzle', 53], ['snow', 26]]);
  });

  it('counts what is missing among the airports', () => {
    const columns = columnsOf(csvFile('airports.csv').csv);
    expect(columns.get('city')).toMatchObject({ type: 'text', nulls: 12 });
    expect(columns.get('state')).toMatchObject({ nulls: 12, distinct: 56 });
    expect(columns.get('latitude')).toMatchObject({ type: 'number', nulls: 0 });
  });

  it('tells the types apart, lets one stray value in a hundred pass, and knows an empty column', () => {
    const typeOf = (...values: string[]): string => describeColumn('c', values).type;
    expect([typeOf('1', '-2', 'NA'), typeOf('1', '2.5'), typeOf('yes', 'No'), typeOf('Jun 12 1998'), typeOf('1', 'x'), typeOf('', 'null')])
      .toEqual(['integer', 'number', 'boolean', 'date', 'text', 'empty']);
    const stray = describeColumn('c', [...Array.from({ length: 200 }, (_, i) => `${i}.5`), 'about 7']);
    expect(stray).toMatchObject({ type: 'number', misfits: 1, numbers: { max: 199.5 } });
  });

  it('describes a single number', () => {
    expect(describeNumbers([4])).toEqual({ min: 4, q1: 4, median: 4, q3: 4, max: 4, mean: 4, sd: 0 });
  });

  it('sums up in plain words', () => {
    const { csv, name, rowCount } = csvFile('seattle-weather.csv');
    const summary = summarise({ name, rowCount, columns: [...columnsOf(csv).values()], raggedRows: [] });
    expect(summary[0]).toBe('seattle-weather.csv has 1461 rows and 6 columns, with date from 2012-01-01 to 2015-12-31.');
    expect(summary).toContain('No value is missing.');
    expect(summary).toContain('weather has 5 values; the most frequent is "rain" (43.9 %).');
  });
});
