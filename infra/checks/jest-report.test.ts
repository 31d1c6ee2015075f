import { describe, expect, it } from '@jest/globals';

import { readJestReport, type JestReport } from './jest-report.ts';

type FileReport = JestReport['testResults'][number];

const file = (parts: Partial<FileReport>): FileReport => ({ name: '/checkout/a.test.ts', message: '', assertionResults: [], ...parts });
const test = (status: string, failureMessages: string[] = []) => ({ fullName: `a ${status} test`, status, failureMessages });
const read = (files: FileReport[], passed: number, stderr = '') => readJestReport({ numPassedTests: passed, testResults: files }, stderr);

describe('a Jest report', () => {
  it('passes when all of its tests passed', () => {
    expect(read([file({ assertionResults: [test('passed'), test('passed')] })], 2)).toMatchObject({ passed: 2, failures: [] });
  });

  it('counts each failed test with what it said', () => {
    const { failures } = read([file({ assertionResults: [test('passed'), test('failed', ['expected 1, got 2'])] })], 1);
    expect(failures).toEqual([{ name: expect.stringContaining('a failed test'), detail: 'expected 1, got 2' }]);
  });

  it.each(['pending', 'skipped', 'todo', 'disabled'])('counts a test that is %s as failed', (status) => {
    expect(read([file({ assertionResults: [test('passed'), test(status)] })], 1).failures).toHaveLength(1);
  });

  it('counts a file that does not compile as failed', () => {
    const { failures } = read([file({ message: 'SyntaxError: Unexpected token' })], 0);
    expect(failures).toEqual([{ name: expect.stringContaining('a.test.ts'), detail: 'SyntaxError: Unexpected token' }]);
  });

  it('counts a file that failed after its tests as failed', () => {
    expect(read([file({ message: 'thrown in afterAll', testExecError: {}, assertionResults: [test('passed')] })], 1).failures).toHaveLength(1);
  });

  it('fails when no test was run, or no report was written', () => {
    expect(read([], 0).failures).toHaveLength(1);
    expect(readJestReport(null, 'killed').failures).toEqual([{ name: 'Jest ended without a report', detail: 'killed' }]);
  });

  it('fails when a worker had to be forced to exit', () => {
    const stderr = 'A worker process has failed to exit gracefully and has been force exited.';
    expect(read([file({ assertionResults: [test('passed')] })], 1, stderr).failures).toHaveLength(1);
  });
});
