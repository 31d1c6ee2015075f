/**
 * `npm test`: every check and every test, each step in turn, what failed in it, and a last line `N passed, N failed`.
 * `npm test -- NAME... [path...]` runs the named steps only, and of a Jest step the files whose path matches.
 * Ends with 1 where anything failed, and where nothing was run.
 */
import { messageOf } from '@bullpen/core';

import { jestStep } from './jest.ts';
import { lintStep } from './lint.ts';
import { printNote, printStep, printTotal } from './output.ts';
import { plantedStep } from './planted.ts';
import { checkResult, type Step, type StepResult } from './step.ts';
import { structureStep } from './structure.ts';
import { dashboardStep, typesStep } from './types.ts';

/** They read only, so they run side by side. */
const CHECKS: readonly Step[] = [lintStep, structureStep, plantedStep, typesStep, dashboardStep];

/** They measure time and share a machine's servers, so they run one after the other. */
const TESTS: readonly Step[] = [
  jestStep('unit', 'unit tests, beside the sources', 2),
  jestStep('system', 'tests on a real Postgres and a real Redis', 2),
  jestStep('security', 'hostile agents in every tier', 1),
  jestStep('browser', 'the pages in a real Chromium', 1),
];

const STEPS = [...CHECKS, ...TESTS];

async function main(args: readonly string[]): Promise<number> {
  const chosen = args.filter((arg) => STEPS.some((step) => step.name === arg));
  const paths = args.filter((arg) => !chosen.includes(arg));
  if (paths.length > 0 && chosen.length === 0) {
    printNote(`no step is called ${paths[0]}; there are ${STEPS.map((step) => step.name).join(', ')}`);
    return 1;
  }
  const startedMs = performance.now();
  const isChosen = ({ name }: Step): boolean => chosen.length === 0 || chosen.includes(name);
  const checks = CHECKS.filter(isChosen).map((step) => ({ step, result: runStep(step, paths) }));
  const total = { passed: 0, failed: 0 };
  for (const { step, result } of checks) printAndCount(step, await result, total);
  for (const step of TESTS.filter(isChosen)) printAndCount(step, await runStep(step, paths), total);
  printTotal(total.passed, total.failed, performance.now() - startedMs);
  return total.failed === 0 && total.passed > 0 ? 0 : 1;
}

interface TimedResult extends StepResult {
  readonly tookMs: number;
}

function printAndCount(step: Step, result: TimedResult, total: { passed: number; failed: number }): void {
  printStep(step, result, result.tookMs);
  total.passed += result.passed;
  total.failed += result.failures.length;
}

async function runStep(step: Step, paths: readonly string[]): Promise<TimedResult> {
  const startedMs = performance.now();
  const result = await runOrBreak(step, paths);
  return { ...result, tookMs: performance.now() - startedMs };
}

async function runOrBreak(step: Step, paths: readonly string[]): Promise<StepResult> {
  try {
    return await step.run(paths);
  } catch (error) {
    return checkResult(`${step.name} broke`, error instanceof Error ? (error.stack ?? error.message) : messageOf(error));
  }
}

process.exitCode = await main(process.argv.slice(2));
process.disconnect?.();
