/** One part of `npm test`. */
export interface Step {
  readonly name: string;
  /** What it shows. */
  readonly title: string;
  /** @param paths - test files to keep to, where the step has such */
  run(paths: readonly string[]): Promise<StepResult>;
}

export interface StepResult {
  readonly passed: number;
  /** Each with what a reader needs to act on it; its count is the step's count of failures. */
  readonly failures: readonly Failure[];
  /** A fact for the step's line, e.g. `35 files`. */
  readonly note?: string;
  /** Text that the step's own tests wrote for whoever runs them; printed below its line. */
  readonly report?: string;
}

export interface Failure {
  readonly name: string;
  readonly detail: string;
}

/** The result of a check that counts as one. */
export function checkResult(name: string, problem: string | null, note?: string): StepResult {
  const failures = problem === null ? [] : [{ name, detail: problem }];
  return { passed: failures.length === 0 ? 1 : 0, failures, ...(note === undefined ? {} : { note }) };
}
