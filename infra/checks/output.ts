/** What the checks print. Stdout, plain lines; colour only where a terminal reads it. */
import type { Step, StepResult } from './step.ts';

const colour = (code: number, text: string): string => (process.stdout.isTTY ? `\u001b[${code}m${text}\u001b[0m` : text);
const seconds = (ms: number): string => `${(ms / 1000).toFixed(1)} s`;

export function printLine(line: string): void {
  console.log(line);
}

/** Goes to stderr, where a caller that reads the stdout does not meet it. */
export function printNote(line: string): void {
  console.error(line);
}

export function printStep(step: Step, result: StepResult, tookMs: number): void {
  const failed = result.failures.length;
  const verdict = failed === 0 ? colour(32, 'ok    ') : colour(31, 'FAILED');
  const counts = failed === 0 ? `${result.passed} passed` : `${result.passed} passed, ${failed} failed`;
  const note = result.note === undefined ? '' : ` (${result.note})`;
  printLine(`${verdict} ${step.name.padEnd(10)} ${seconds(tookMs).padStart(8)}  ${counts.padEnd(12)}  ${step.title}${note}`);
  if (result.report !== undefined) printLine(`\n${indented(result.report, 2)}\n`);
  for (const failure of result.failures) {
    printLine(`\n  ${colour(31, failure.name)}`);
    printLine(indented(failure.detail, 4));
  }
  if (failed > 0) printLine('');
}

function indented(text: string, by: number): string {
  return text.trimEnd().split('\n').map((line) => `${' '.repeat(by)}${line}`).join('\n');
}

export function printTotal(passed: number, failed: number, tookMs: number): void {
  printLine(`\n${passed + failed} in all, ${seconds(tookMs)}`);
  printLine(`${passed} passed, ${failed} failed`);
}

/** Columns as wide as their widest cell; numbers (cells that begin with a digit) to the right. */
export function printTable(rows: readonly (readonly string[])[]): void {
  const widths = rows.reduce<number[]>((widest, row) => row.map((cell, column) => Math.max(cell.length, widest[column] ?? 0)), []);
  for (const row of rows) {
    const cells = row.map((cell, column) => (/^-?\d/.test(cell) ? cell.padStart(widths[column] ?? 0) : cell.padEnd(widths[column] ?? 0)));
    printLine(`  ${cells.join('  ').trimEnd()}`);
  }
}
