import path from 'node:path';

import { CHECKOUT_DIR } from '../local/data-dir.ts';
import type { Failure, StepResult } from './step.ts';

/** The part of Jest's `--json` report that is read here. */
export interface JestReport {
  readonly numPassedTests: number;
  readonly testResults: readonly {
    readonly name: string;
    readonly message: string;
    readonly testExecError?: unknown;
    readonly assertionResults: readonly { readonly fullName: string; readonly status: string; readonly failureMessages?: readonly string[] | null }[];
  }[];
}

/** What Jest says on stderr when a test left something behind although every assertion held, and Jest ended all the same. */
const LEAKS = [
  /A worker process has failed to exit gracefully and has been force exited/,
  /Cannot log after tests are done/,
  /You are trying to `import` a file after the Jest environment has been torn down/,
];

/**
 * A report as passed and failed. Failed are: a test that failed, was skipped, is left to do or was not reached; a file that
 * does not compile or holds no test; a run that held no test at all or ended without a report; a leak.
 */
export function readJestReport(report: JestReport | null, stderr: string): StepResult {
  if (report === null) return { passed: 0, failures: [{ name: 'Jest ended without a report', detail: withoutForeignFrames(stderr) }] };
  const failures = [
    ...report.testResults.flatMap(failuresOf),
    ...LEAKS.filter((leak) => leak.test(stderr)).map((): Failure => ({ name: 'a test left something open', detail: stderr.slice(-2000) })),
  ];
  if (report.numPassedTests === 0 && failures.length === 0) failures.push({ name: 'no test was run', detail: stderr });
  return { passed: report.numPassedTests, failures, note: `${report.testResults.length} files` };
}

function failuresOf(file: JestReport['testResults'][number]): Failure[] {
  const name = path.relative(CHECKOUT_DIR, file.name);
  const failed = file.assertionResults.filter((test) => test.status !== 'passed');
  if (file.assertionResults.length === 0) return [{ name, detail: file.message || 'the file holds no test' }];
  const failures = failed.map((test): Failure => ({
    name: `${name}: ${test.fullName}`,
    detail: test.failureMessages?.length ? withoutForeignFrames(test.failureMessages.join('\n')) : `not run: ${test.status}`,
  }));
  return failures.length === 0 && file.testExecError ? [{ name, detail: file.message }] : failures;
}

/** The frames of Jest and of other packages are the same in every failure. */
function withoutForeignFrames(message: string): string {
  return message.split('\n').filter((line) => !/^\s+at .*(node_modules|node:internal|processTicksAndRejections)/.test(line)).join('\n');
}
