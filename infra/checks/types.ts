import { checkResult, type Failure, type Step, type StepResult } from './step.ts';
import { runTurbo } from './tool.ts';

export const typesStep: Step = {
  name: 'types',
  title: 'TypeScript over every package',
  async run() {
    return turboResult('typecheck', ['typecheck', '--continue', '--output-logs=errors-only']);
  },
};

export const dashboardStep: Step = {
  name: 'dashboard',
  title: 'the dashboard builds',
  async run() {
    return turboResult('vite build', ['build', '--filter=@bullpen/dashboard', '--output-logs=errors-only']);
  },
};

async function turboResult(name: string, args: readonly string[]): Promise<StepResult> {
  const ran = await runTurbo(args);
  const output = `${ran.stdout}${ran.stderr}`;
  const tasks = /Tasks:\s+(\d+) successful, (\d+) total/.exec(output);
  const note = tasks ? `${tasks[2]} packages` : undefined;
  if (ran.code === 0 && tasks && tasks[2] !== '0') return checkResult(name, null, note);
  const errors = typeErrorsIn(output);
  if (errors.length === 0) return checkResult(name, output.trim().slice(-8000) || `ended with ${ran.code}`, note);
  return { passed: 0, failures: errors, ...(note === undefined ? {} : { note }) };
}

/** One failure a place: a package's error shows again in each package that imports it, under another relative path. */
function typeErrorsIn(output: string): Failure[] {
  const found = new Map<string, Failure>();
  for (const [, by = '', up = '', at = '', said = ''] of output.matchAll(/^(@bullpen\/[a-z-]+):typecheck: ((?:\.\.\/)*)(\S+\(\d+,\d+\)): (error TS.*)$/gm)) {
    found.set(`${at.split('/').slice(-2).join('/')} ${said}`, { name: up === '' ? `${by} ${at}` : at, detail: said });
  }
  return [...found.values()];
}
