/**
 * `npm run bench -- NAME [PART...] [--json]`: runs test/bench/NAME.ts on a Postgres and a Redis started for it, set as in
 * production, and prints its figures: as a table, or with `--json` as one JSON object on one line, which is then all that stdout
 * holds. `npm run bench -- list` names the benchmarks. A benchmark of several parts can be asked for some of them. BULLPEN_BENCH_ROUNDS (5) is how often each measures.
 */
import { readFileSync, readdirSync } from 'node:fs';
import { cpus, totalmem } from 'node:os';
import path from 'node:path';
import { pathToFileURL } from 'node:url';

import { messageOf } from '@bullpen/core';

import { CHECKOUT_DIR } from '../local/data-dir.ts';
import { readBenchOutcome, type BenchFigure } from './bench-report.ts';
import { loadChecksConfig } from './config.ts';
import { printLine, printNote, printTable } from './output.ts';

const BENCH_DIR = path.join(CHECKOUT_DIR, 'test', 'bench');

/** A file that is a benchmark has a default export; the others are parts of them. */
function benchNames(): string[] {
  return readdirSync(BENCH_DIR)
    .filter((file) => file.endsWith('.ts') && !file.endsWith('.test.ts'))
    .filter((file) => /^export default /m.test(readFileSync(path.join(BENCH_DIR, file), 'utf8')))
    .map((file) => path.basename(file, '.ts'))
    .sort();
}

async function runBench(name: string, parts: readonly string[]): Promise<BenchFigure[]> {
  // Not part of the face of a package: the tests' own services, found by path as Jest finds them.
  const services = (await import(pathToFileURL(path.join(CHECKOUT_DIR, 'test', 'services', 'bench-services.ts')).href)) as {
    withBenchServices<T>(act: (services: { postgresUrl: string; redisUrl: string }) => Promise<T>): Promise<T>;
  };
  const { default: bench } = (await import(pathToFileURL(path.join(BENCH_DIR, `${name}.ts`)).href)) as {
    default: (context: object) => Promise<unknown>;
  };
  const { benchRounds: rounds } = loadChecksConfig();
  return services.withBenchServices(async (started) => readBenchOutcome(await bench({ log: printNote, rounds, parts, services: started })));
}

function machine(): string {
  const [first] = cpus();
  return `${first?.model.trim() ?? 'unknown CPU'}, ${cpus().length} cores, ${Math.round(totalmem() / 2 ** 30)} GB, Node ${process.versions.node}`;
}

function printFigures(name: string, figures: readonly BenchFigure[]): void {
  const number = (value: number | undefined): string => (value === undefined ? '' : value.toLocaleString('en', { maximumSignificantDigits: 4 }));
  printLine(`\n${name}  (${machine()})`);
  printTable([
    ['metric', 'value', 'unit', 'against', 'ratio'],
    ...figures.map(({ metric, value, unit, against, ratio }) => [metric, number(value), unit, number(against), number(ratio)]),
  ]);
}

async function main(args: readonly string[]): Promise<number> {
  const json = args.includes('--json');
  const [name = 'list', ...parts] = args.filter((arg) => arg !== '--json');
  const names = benchNames();
  if (name === 'list') {
    printLine(json ? JSON.stringify({ benchmarks: names }) : names.join('\n'));
    return 0;
  }
  if (!names.includes(name)) {
    printNote(`there is no benchmark ${name}; there are: ${names.join(', ')}`);
    return 1;
  }
  const figures = await runBench(name, parts);
  if (json) printLine(JSON.stringify({ name, machine: machine(), results: figures }));
  else printFigures(name, figures);
  return 0;
}

try {
  process.exitCode = await main(process.argv.slice(2));
} catch (error) {
  printNote(error instanceof Error ? (error.stack ?? error.message) : messageOf(error));
  process.exitCode = 1;
}
// What a benchmark leaves open must not keep its runner.
process.exit();
