import { spawn } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import path from 'node:path';

import { CHECKOUT_DIR } from '../local/data-dir.ts';
import { toolEnv } from './config.ts';

export interface ToolRun {
  /** Exit code; null where it was killed because it took longer than `limitMs`. */
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs a program in the checkout, stdin closed, and returns what it wrote. Never rejects. */
export function runTool(command: string, args: readonly string[], options: { limitMs?: number; cwd?: string } = {}): Promise<ToolRun> {
  return new Promise((resolve) => {
    const child = spawn(command, args, { cwd: options.cwd ?? CHECKOUT_DIR, env: toolEnv(), stdio: ['ignore', 'pipe', 'pipe'] });
    const written = { stdout: '', stderr: '' };
    child.stdout.setEncoding('utf8').on('data', (text: string) => (written.stdout += text));
    child.stderr.setEncoding('utf8').on('data', (text: string) => (written.stderr += text));
    let killed = false;
    const timer = setTimeout(() => {
      killed = true;
      child.kill('SIGKILL');
    }, options.limitMs ?? 20 * 60_000);
    const end = (code: number | null): void => {
      clearTimeout(timer);
      resolve({ ...written, code: killed ? null : code });
    };
    child.once('error', (error) => {
      written.stderr += error.message;
      end(127);
    });
    child.once('close', (code) => end(code ?? 1));
  });
}

/** Runs a JavaScript program with the Node we run on. */
export function runNode(args: readonly string[], options: { limitMs?: number; cwd?: string } = {}): Promise<ToolRun> {
  return runTool(process.execPath, args, options);
}

/** Turbo runs package scripts through pnpm, which it wants on PATH: npx puts the pinned one there. */
export function runTurbo(args: readonly string[]): Promise<ToolRun> {
  const turbo = path.join(CHECKOUT_DIR, 'node_modules', '.bin', 'turbo');
  return runTool('npx', ['-y', `--package=${pinnedPnpm()}`, '--', turbo, 'run', ...args]);
}

/** The file of a linter that a package of `infra/lint` brings. */
export function lintTool(relativePath: string): string {
  const file = path.join(CHECKOUT_DIR, 'infra', 'lint', 'node_modules', relativePath);
  if (!existsSync(file)) throw new Error(`${file} is not installed`);
  return file;
}

function pinnedPnpm(): string {
  const { packageManager } = JSON.parse(readFileSync(path.join(CHECKOUT_DIR, 'package.json'), 'utf8')) as { packageManager: string };
  return packageManager;
}
