import { spawn } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';

import { CHECKOUT_DIR } from '../local/data-dir.ts';
import { toolEnv } from './config.ts';
import { readJestReport, type JestReport } from './jest-report.ts';
import type { Step, StepResult } from './step.ts';

/** After its report a Jest process has this long to end by itself; one that does not has left something open. */
const EXIT_LIMIT_MS = 30_000;
/** A whole project may not take longer. */
const RUN_LIMIT_MS = 30 * 60_000;

export type JestProject = 'unit' | 'system' | 'security' | 'browser';

/** A step that runs one project of test/jest.config.mjs in a Jest process of its own. */
export function jestStep(project: JestProject, title: string, workers: number): Step {
  return {
    name: project,
    title,
    async run(paths) {
      const dir = mkdtempSync(path.join(tmpdir(), 'bullpen-jest-'));
      try {
        const reportDir = path.join(dir, 'reports');
        mkdirSync(reportDir);
        const result = await runJest(project, workers, paths, { reportFile: path.join(dir, 'report.json'), reportDir });
        const reports = readdirSync(reportDir).sort().map((name) => readFileSync(path.join(reportDir, name), 'utf8'));
        return reports.length === 0 ? result : { ...result, report: reports.join('\n') };
      } finally {
        rmSync(dir, { recursive: true, force: true });
      }
    },
  };
}

interface ReportPaths {
  /** What Jest writes. */
  readonly reportFile: string;
  /** Where tests put text that is printed for whoever runs them. */
  readonly reportDir: string;
}

async function runJest(project: JestProject, workers: number, paths: readonly string[], to: ReportPaths): Promise<StepResult> {
  const { reportFile } = to;
  const args = [
    '--experimental-vm-modules', '--disable-warning=ExperimentalWarning', path.join('node_modules', 'jest', 'bin', 'jest.js'),
    '-c', path.join('test', 'jest.config.mjs'), '--selectProjects', project, `--maxWorkers=${workers}`,
    // A worker of a hundred files holds more than it gives back in time for its exit.
    '--workerIdleMemoryLimit=400MB', '--json', `--outputFile=${reportFile}`, ...paths.map(belowCheckout),
  ];
  const ended = await runUntilReportedAndExited(args, to);
  const report = existsSync(reportFile) ? (JSON.parse(readFileSync(reportFile, 'utf8')) as JestReport) : null;
  const result = readJestReport(report, `${ended.stderr.slice(-6000)}`);
  if (!ended.hung) return result;
  const hang = { name: `${project}: Jest did not end`, detail: `A test left something open (a server, a connection, a timer): ${ended.hung}` };
  return { ...result, failures: [...result.failures, hang] };
}

/** Jest matches against whole paths: the folders above the checkout must not count. */
function belowCheckout(pattern: string): string {
  return `${CHECKOUT_DIR.replaceAll(/[.*+?^${}()|[\]\\]/g, '\\$&')}/.*${pattern}`;
}

/** stderr, and why the process had to be killed where it had to. */
function runUntilReportedAndExited(args: readonly string[], { reportFile, reportDir }: ReportPaths): Promise<{ stderr: string; hung: string | null }> {
  return new Promise((resolve) => {
    // A group of its own, so that a kill takes its workers along. Its stdout repeats the report.
    const jest = spawn(process.execPath, args, { cwd: CHECKOUT_DIR, env: { ...toolEnv(), BULLPEN_TEST_REPORT_DIR: reportDir }, stdio: ['ignore', 'ignore', 'pipe'], detached: true });
    const endWithUs = (): void => killGroup(jest.pid);
    process.once('exit', endWithUs);
    let stderr = '';
    let hung: string | null = null;
    const kill = (why: string): void => {
      hung = why;
      killGroup(jest.pid);
    };
    const runTimer = setTimeout(() => kill(`killed after ${RUN_LIMIT_MS / 60_000} minutes`), RUN_LIMIT_MS);
    let exitTimer: NodeJS.Timeout | undefined;
    const watch = setInterval(() => {
      if (!exitTimer && existsSync(reportFile)) exitTimer = setTimeout(() => kill(`killed ${EXIT_LIMIT_MS / 1000} s after its report`), EXIT_LIMIT_MS);
    }, 250);
    jest.stderr.setEncoding('utf8').on('data', (text: string) => (stderr += text));
    jest.once('close', () => {
      clearTimeout(runTimer);
      clearTimeout(exitTimer);
      clearInterval(watch);
      process.removeListener('exit', endWithUs);
      resolve({ stderr, hung });
    });
  });
}

function killGroup(pid: number | undefined): void {
  try {
    if (pid !== undefined) process.kill(-pid, 'SIGKILL');
  } catch {
    // It has ended.
  }
}
