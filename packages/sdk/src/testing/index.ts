/** Agents in a test: `createTestRuntime()` runs them without services. */
export { createTestRuntime, type TestLogLine, type TestRun, type TestRunOptions, type TestRuntime, type TestRuntimeOptions } from './test-runtime.ts';
export { MemoryKv } from './memory-kv.ts';
export type { FetchStub } from './stub-fetch.ts';
export type { LocalRun } from '../local/local-run.ts';
export { zodChecker, type ValueChecker, type ValueIssue } from '../local/value-checker.ts';
