import type { RunState } from '@bullpen/core';
import type { RunOf } from '@bullpen/sdk';

import type { CsvReport } from '../agents/csv-analyst/agent.ts';
import type { IndexReport } from '../agents/document-indexer/agent.ts';
import type { Report } from '../agents/long-report/agent.ts';
import { cityWeather, csvFile, installedReadmes, jsonAsCsv, type CsvFile } from './real-data.ts';

/** One run of an example and how it must end. */
export interface Scenario {
  agent: string;
  /** What the line about it says it works on. */
  subject: string;
  input: unknown;
  /** Overrides of the agent's own limits. */
  limits?: { timeoutMs?: number; maxAttempts?: number; backoff?: { baseMs: number; maxMs: number; jitter: boolean } };
  /** Cancelled by us after this many emitted events. */
  cancelAfterEvents?: number;
  expect: { state: RunState; errorCode?: string };
  /** Looks at the result of a run that succeeded: what it holds in a few words, or a throw when it cannot be right. */
  describe?(run: RunOf<unknown>): string;
}

export const ORGANIZATIONS = ['acme', 'globex'] as const;
export type ExampleOrganization = (typeof ORGANIZATIONS)[number];

const MOVIE_COLUMNS = [
  'Title', 'Release Date', 'MPAA Rating', 'Distributor', 'Major Genre', 'Production Budget', 'US Gross', 'Worldwide Gross',
  'Running Time min', 'Rotten Tomatoes Rating', 'IMDB Rating', 'IMDB Votes',
];

/** What each organization runs: the same agents, other data. The first one is the one that a newcomer waits for. */
export function scenariosOf(org: ExampleOrganization): Scenario[] {
  const files = {
    acme: () => [csvFile('seattle-weather.csv'), csvFile('airports.csv')],
    globex: () => [jsonAsCsv('gapminder.json', ['year', 'country', 'cluster', 'pop', 'life_expect', 'fertility']), jsonAsCsv('movies.json', MOVIE_COLUMNS)],
  }[org]();
  const query = { acme: 'read environment variables from a file', globex: 'match file paths with glob patterns' }[org];
  const city = ({ acme: 'Seattle', globex: 'New York' } as const)[org];
  return [...files.map(analysis), indexing(query), report(city), cancelledReport(city), ...troubles()];
}

type City = Parameters<typeof cityWeather>[0];

function analysis(file: CsvFile): Scenario {
  return {
    agent: 'csv-analyst',
    subject: file.name,
    input: { name: file.name, csv: file.csv },
    expect: { state: 'succeeded' },
    describe(run) {
      const result = run.result as CsvReport;
      must(result.rowCount === file.rowCount, `${result.rowCount} rows instead of ${file.rowCount}`);
      must(result.columns.every((column) => column.nulls + column.distinct > 0 && column.distinct <= result.rowCount), 'impossible counts');
      const outliers = result.columns.reduce((sum, column) => sum + (column.numbers?.outlierCount ?? 0), 0);
      return `${result.rowCount} rows, ${result.columnCount} columns, ${outliers} outliers`;
    },
  };
}

function indexing(query: string): Scenario {
  const documents = installedReadmes();
  return {
    agent: 'document-indexer',
    subject: `${documents.length} READMEs`,
    input: { documents, query },
    expect: { state: 'succeeded' },
    describe(run) {
      const result = run.result as IndexReport;
      const [best] = result.hits;
      must(result.documentCount === documents.length, `${result.documentCount} documents instead of ${documents.length}`);
      must(best !== undefined && best.score > 0 && best.score <= 1, 'no plausible hit');
      must(result.hits.every((hit, i) => i === 0 || hit.score <= result.hits[i - 1]!.score), 'hits out of order');
      return `${result.termCount} terms, "${query}": ${best!.path}`;
    },
  };
}

function report(city: City): Scenario {
  const days = cityWeather(city);
  return {
    agent: 'long-report',
    subject: `${city}, month by month`,
    input: { title: city, days, paceMs: 30 },
    expect: { state: 'succeeded' },
    describe(run) {
      const result = run.result as Report;
      const covered = result.sections.reduce((sum, section) => sum + section.days, 0);
      must(covered === days.length, `${covered} days instead of ${days.length}`);
      return `${result.months} months, ${result.rainMm} mm of rain, wettest ${result.wettestMonth}`;
    },
  };
}

function cancelledReport(city: City): Scenario {
  return {
    agent: 'long-report',
    subject: `${city}, cancelled`,
    input: { title: city, days: cityWeather(city), paceMs: 1_000 },
    cancelAfterEvents: 2,
    expect: { state: 'cancelled', errorCode: 'CANCELLED' },
  };
}

function troubles(): Scenario[] {
  const trouble = (mode: string, rest: Pick<Scenario, 'expect'> & Partial<Scenario>): Scenario => ({
    agent: 'troublemaker', subject: mode, input: { mode }, ...rest,
  });
  return [
    trouble('timeout', { limits: { timeoutMs: 1_000 }, expect: { state: 'timed_out', errorCode: 'TIMED_OUT' } }),
    trouble('memory', { limits: { timeoutMs: 30_000 }, expect: { state: 'out_of_memory', errorCode: 'OUT_OF_MEMORY' } }),
    trouble('exception', { expect: { state: 'failed', errorCode: 'AGENT_THREW' } }),
    trouble('flaky', {
      limits: { maxAttempts: 2, backoff: { baseMs: 250, maxMs: 250, jitter: false } },
      expect: { state: 'succeeded' },
      describe(run) {
        must(run.attempt === 2, `succeeded on attempt ${run.attempt} instead of 2`);
        return String(run.result);
      },
    }),
  ];
}

function must(holds: boolean, otherwise: string): void {
  if (!holds) throw new Error(otherwise);
}
