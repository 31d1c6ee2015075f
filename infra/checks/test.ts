/**
 * `npm test`: every check and every test, each step in turn, what failed in it, and a last line `N passed, N failed`.
 * `npm test -- NAME... [path...]` runs the named steps only, and of a Jest step the files whose path matches.
 * Ends with 1 where anything failed, and where nothing was run.
 */
import { messageOf } from '@bullpen/core';

import { jestStep } from './jest.ts';
import { lintStep } from './lint.ts';
import { printLine, printNote, printStep, printTotal } from './output.ts';
import { plantedStep } from './planted.ts';
import { checkResult, type Step, type StepResult } from './step.ts';
import { structureStep } from './structure.ts';
import { dashboardStep, typesStep } from './types.ts';

const STEPS: readonly Step[] = [
  lintStep,
  structureStep,
  plantedStep,
  typesStep,
  dashboardStep,
  jestStep('unit', 'unit tests, beside the sources', 2),
  jestStep('system', 'tests on a real Postgres and a real Redis', 2),
  jestStep('browser', 'the pages in a real Chromium', 1),
];

async function main(args: readonly string[]): Promise<number> {
  const chosen = args.filter((arg) => STEPS.some((step) => step.name === arg));
  const paths = args.filter((arg) => !chosen.includes(arg));
  if (paths.length > 0 && chosen.length === 0) {
    printNote(`no step is called ${paths[0]}; there are ${STEPS.map((step) => step.name).join(', ')}`);
    return 1;
  }
  const startedMs = performance.now();
  let passed = 0;
  let failed = 0;
  for (const step of STEPS.filter(({ name }) => chosen.length === 0 || chosen.includes(name))) {
    const stepStartedMs = performance.now();
    if (process.stdout.isTTY) printLine(`       ${step.name.padEnd(10)} ${step.title} ...`);
    const result = await runStep(step, paths);
    printStep(step, result, performance.now() - stepStartedMs);
    passed += result.passed;
    failed += result.failures.length;
  }
  printTotal(passed, failed, performance.now() - startedMs);
  return failed === 0 && passed > 0 ? 0 : 1;
}

async function runStep(step: Step, paths: readonly string[]): Promise<StepResult> {
  try {
    return await step.run(paths);
  } catch (error) {
    return checkResult(`${step.name} broke`, error instanceof Error ? (error.stack ?? error.message) : messageOf(error));
  }
}

process.exitCode = await main(process.argv.slice(2));
process.disconnect?.();
