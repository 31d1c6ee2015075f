import { spawn, type ChildProcess } from 'node:child_process';
import { closeSync, existsSync, openSync, readFileSync, renameSync } from 'node:fs';

import { BullpenError, Deadline, type Service } from '@bullpen/core';

import { pollUntil } from './poll.ts';

/**
 * Keeps one process of ours (API or worker) running. Guarantees: `start` returns when the process has said that it is
 * ready, and rejects with the end of its log when it ends before; one that ends later is started again, after a wait
 * that doubles each time; `stop` returns when it has ended: SIGTERM first, SIGKILL at the deadline. Its standard input
 * is a pipe of ours: when we are killed it ends, and the process takes that as SIGTERM (BULLPEN_EXIT_WITH_PARENT).
 */
export interface SupervisedProcess extends Service {
  /** Ends it without asking. */
  kill(): void;
}

export interface SupervisedProcessOptions {
  readonly name: string;
  /** TypeScript entry. */
  readonly entry: string;
  readonly env: Readonly<Record<string, string | undefined>>;
  /** `msg` of the JSON log line that says it is ready. */
  readonly readyEvent: string;
  /** Takes its stdout and stderr as they are; the log of the start before is kept as `<file>.1`. */
  readonly logFile: string;
  /** Told when it ended by itself and will be started again. */
  readonly onRestart: (name: string, ended: string, waitMs: number) => void;
}

const READY_MS = 60_000;
const FIRST_WAIT_MS = 500;
const LONGEST_WAIT_MS = 30_000;
/** One that lived this long is healthy: its next fall starts with the short wait again. */
const HEALTHY_MS = 60_000;

export function superviseProcess(options: SupervisedProcessOptions): SupervisedProcess {
  let child: ChildProcess | null = null;
  let wasReady = false;
  let restart: NodeJS.Timeout | undefined;
  let stopping = false;
  let waitMs = FIRST_WAIT_MS;

  const launch = (): ChildProcess => {
    const startedMs = performance.now();
    const launched = spawnLogged(options);
    child = launched;
    launched.once('close', (code, signal) => {
      // Before it was ready the failure is `start`'s to report.
      if (stopping || !wasReady) return;
      if (performance.now() - startedMs > HEALTHY_MS) waitMs = FIRST_WAIT_MS;
      options.onRestart(options.name, signal ? `by ${signal}` : `with code ${code}`, waitMs);
      restart = setTimeout(launch, waitMs);
      waitMs = Math.min(waitMs * 2, LONGEST_WAIT_MS);
    });
    return launched;
  };

  return {
    async start() {
      if (child) return;
      stopping = false;
      wasReady = false;
      keepFormerLog(options.logFile);
      await becomesReady(launch(), options);
      wasReady = true;
    },
    async quiesce() {},
    async stop(by) {
      stopping = true;
      clearTimeout(restart);
      const ending = child;
      child = null;
      if (ending) await endChild(ending, by);
    },
    kill: () => {
      stopping = true;
      child?.kill('SIGKILL');
    },
  };
}

function spawnLogged(options: SupervisedProcessOptions): ChildProcess {
  const log = openSync(options.logFile, 'a', 0o600);
  const child = spawn(process.execPath, ['--disable-warning=ExperimentalWarning', options.entry], {
    env: { ...options.env, BULLPEN_EXIT_WITH_PARENT: '1' },
    stdio: ['pipe', log, log],
    // A group of its own: a Ctrl-C in the terminal reaches us alone, and we stop all in order.
    detached: true,
  });
  closeSync(log);
  child.stdin?.on('error', () => undefined);
  child.on('error', () => undefined);
  return child;
}

async function becomesReady(child: ChildProcess, options: SupervisedProcessOptions): Promise<void> {
  const probe = async (): Promise<boolean | null> => (saidReady(options) ? true : hasEnded(child) ? false : null);
  if (await pollUntil(probe, Deadline.in(READY_MS))) return;
  await endChild(child, Deadline.in(1000));
  const why = startFailureIn(readFileSync(options.logFile, 'utf8'));
  throw new BullpenError('SERVICE_UNAVAILABLE', `the ${options.name} did not become ready: ${why}\n(its log: ${options.logFile})`, { logFile: options.logFile });
}

/** The reason that a process of ours logs when its start fails, else the end of its log. */
function startFailureIn(log: string): string {
  const lines = log.trim().split('\n');
  for (const line of lines.toReversed()) {
    const { msg, reason } = parseLine(line);
    if (msg === 'process.start_failed' && typeof reason === 'string') return reason;
  }
  return `\n  ${lines.slice(-20).join('\n  ')}`;
}

/** The log is read as it stands: lines that are no JSON, or half written, are of no interest. */
function saidReady({ logFile, readyEvent }: SupervisedProcessOptions): boolean {
  return readFileSync(logFile, 'utf8').split('\n').some((line) => line.includes(readyEvent) && parseLine(line).msg === readyEvent);
}

function parseLine(line: string): { readonly msg?: unknown; readonly reason?: unknown } {
  try {
    return Object(JSON.parse(line)) as { msg?: unknown; reason?: unknown };
  } catch {
    return {};
  }
}

function hasEnded(child: ChildProcess): boolean {
  return child.exitCode !== null || child.signalCode !== null || child.pid === undefined;
}

async function endChild(child: ChildProcess, by: Deadline): Promise<void> {
  if (hasEnded(child)) return;
  const ended = new Promise<void>((resolve) => child.once('exit', () => resolve()));
  child.kill('SIGTERM');
  const timer = setTimeout(() => child.kill('SIGKILL'), Math.max(1, by.remainingMs));
  await ended;
  clearTimeout(timer);
}

function keepFormerLog(logFile: string): void {
  if (existsSync(logFile)) renameSync(logFile, `${logFile}.1`);
}
