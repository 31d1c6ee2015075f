import { execFile, spawn } from 'node:child_process';
import { existsSync, fstatSync } from 'node:fs';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { promisify } from 'node:util';

import { BullpenError, isolationReportSchema, systemClock, type IsolationReport } from '@bullpen/core';
import { createClient } from '@bullpen/sdk';

import { findCredentials, loadEnvironment } from './config.ts';
import { CHECKOUT_DIR } from './installation.ts';
import { createOutput, type Output } from './output.ts';
import { runCli } from './program.ts';
import { findProjectConfig } from './project-config.ts';

/** Puts the command together from this process. */

/** After this long without input on a pipe that stays open, say what the command is waiting for. */
const STDIN_HINT_MS = 2_000;

async function readStdin(output: Output): Promise<string | null> {
  const kind = fstatSync(0, { throwIfNoEntry: false });
  if (kind === undefined || !(kind.isFIFO() || kind.isFile() || kind.isSocket())) return null;
  const hint = setTimeout(() => output.note('waiting for the input on stdin; give --input or --input-file to not read it'), STDIN_HINT_MS);
  try {
    return await text(process.stdin);
  } finally {
    clearTimeout(hint);
  }
}

const ENTRIES = { up: 'infra/local/up.ts', bench: 'infra/checks/bench.ts' } as const;

function ofCheckout(path: string, what: string): string {
  const script = join(CHECKOUT_DIR ?? '.', path);
  if (CHECKOUT_DIR === null || !existsSync(script)) throw new BullpenError('NOT_FOUND', `${script} is not there: ${what} inside a checkout of Bullpen only`);
  return script;
}

function inCheckout(entry: keyof typeof ENTRIES, args: readonly string[]): Promise<number> {
  const script = ofCheckout(ENTRIES[entry], 'this works');
  const child = spawn(process.execPath, [script, ...args], { stdio: 'inherit' });
  // Ctrl-C reaches the child from the terminal; this process stays until it has stopped everything.
  process.on('SIGINT', () => undefined);
  for (const signal of ['SIGTERM', 'SIGHUP'] as const) process.on(signal, () => child.kill(signal));
  return new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('exit', (code) => resolve(code ?? 1));
  });
}

/** A worker's own probe: the command itself knows nothing of walls. */
async function probe(): Promise<IsolationReport> {
  const script = ofCheckout('apps/worker/src/main.ts', 'this machine can be tried');
  const { stdout } = await promisify(execFile)(process.execPath, ['--disable-warning=ExperimentalWarning', script, '--isolation'], { maxBuffer: 16 * 1024 * 1024 });
  return isolationReportSchema.parse(JSON.parse(stdout.trim().split('\n').at(-1) ?? ''));
}

function interruptSignal(): AbortSignal {
  const abort = new AbortController();
  // Once: a second Ctrl-C ends the process at once. SIGTERM as well: what was made must not be left behind.
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => abort.abort(new Error('interrupted')));
  return abort.signal;
}

async function main(): Promise<number> {
  const env = loadEnvironment();
  const color = !env.noColor && process.stdout.isTTY === true && process.stderr.isTTY === true;
  const output = createOutput({ stdout: process.stdout, stderr: process.stderr, color });
  // A reader that has seen enough (`| head`) is no fault.
  process.stdout.on('error', (error: NodeJS.ErrnoException) => process.exit(error.code === 'EPIPE' ? 0 : 1));
  return runCli(process.argv.slice(2), {
    output,
    env,
    cwd: process.cwd(),
    findCredentials: () => findCredentials([process.cwd(), ...(CHECKOUT_DIR === null ? [] : [CHECKOUT_DIR])]),
    findProject: () => findProjectConfig(process.cwd()),
    connect: (connection) => createClient(connection),
    readStdin: () => readStdin(output),
    interrupted: interruptSignal(),
    inCheckout,
    probe,
    nowMs: () => systemClock.nowMs(),
  });
}

process.exitCode = await main();
