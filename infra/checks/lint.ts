import path from 'node:path';

import { CHECKOUT_DIR } from '../local/data-dir.ts';
import { checkResult, type Failure, type Step } from './step.ts';
import { lintTool, runNode, type ToolRun } from './tool.ts';

interface LintedFile {
  readonly filePath: string;
  readonly messages: readonly { readonly ruleId: string | null; readonly line?: number; readonly message: string }[];
}

/** A broken rule and where. */
export interface LintFinding {
  readonly file: string;
  readonly line: number;
  readonly rule: string;
  readonly message: string;
}

export const lintStep: Step = {
  name: 'lint',
  title: 'ESLint: sizes, types, promises, tests',
  async run() {
    const linted = await runEslint(CHECKOUT_DIR, []);
    if ('crash' in linted) return checkResult('ESLint did not run', linted.crash);
    const failures = linted.findings.map((finding): Failure => ({
      name: `${finding.file}:${finding.line}`,
      detail: `${finding.message} (${finding.rule})`,
    }));
    return { passed: failures.length === 0 ? 1 : 0, failures, note: `${linted.fileCount} files` };
  },
};

/** Runs ESLint with the house's rules over a folder that is laid out like the house. */
export async function runEslint(
  rootDir: string,
  extraArgs: readonly string[],
): Promise<{ findings: LintFinding[]; fileCount: number } | { crash: string }> {
  const config = path.join(CHECKOUT_DIR, 'infra', 'lint', 'eslint.config.mjs');
  const ran = await runNode([lintTool('eslint/bin/eslint.js'), '-c', config, '--format', 'json', ...extraArgs, '.'], { cwd: rootDir });
  const files = parseReport(ran);
  if (files === null) return { crash: `${ran.stdout}${ran.stderr}`.slice(-4000) };
  const findings = files.flatMap((file) =>
    file.messages.map((message): LintFinding => ({
      file: path.relative(rootDir, file.filePath),
      line: message.line ?? 1,
      rule: message.ruleId ?? 'parse',
      message: message.message,
    })),
  );
  return { findings, fileCount: files.length };
}

/** ESLint ends with 1 where it found something and 2 where it broke. */
function parseReport(ran: ToolRun): LintedFile[] | null {
  if (ran.code !== 0 && ran.code !== 1) return null;
  try {
    return JSON.parse(ran.stdout) as LintedFile[];
  } catch {
    return null;
  }
}
