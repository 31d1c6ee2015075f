import { spawn, type ChildProcess } from 'node:child_process';
import { closeSync, openSync } from 'node:fs';

import type { Deadline } from '@bullpen/core';

/**
 * A server of somebody else (Postgres, Redis) that must not outlive us. It runs below a small shell that holds the other end
 * of a pipe of ours: when the pipe closes, because we say stop or because we were killed, the shell sends the stop
 * signal. It guarantees that no kill -9 of the launcher leaves a server behind, and that a Ctrl-C in the terminal does
 * not reach the server before those that use it have stopped (it has a process group of its own).
 */
export interface GuardedProcess {
  /** Resolves when the server has ended, with its exit code (128 + n for signal n). */
  readonly exited: Promise<number>;
  /** True once `exited` has resolved. */
  hasExited(): boolean;
  /** Sends the stop signal, kills the group when the deadline passes, returns when it has ended. */
  stop(by: Deadline): Promise<void>;
}

export interface GuardedProcessOptions {
  readonly command: string;
  readonly args: readonly string[];
  readonly stopSignal: 'INT' | 'TERM';
  /** Takes stdout and stderr; overwritten. */
  readonly logFile: string;
  readonly cwd: string;
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Whom it runs as; ours where absent. */
  readonly account?: { readonly uid: number; readonly gid: number } | undefined;
}

// `wait` gives the status of the server; the watcher is a loop of builtins, so that killing it leaves nothing behind.
const GUARD = `
exec 3<&0
signal=$1; shift
"$@" 3<&- </dev/null &
server=$!
( while read -r _ <&3; do :; done; kill -s "$signal" "$server" ) 2>/dev/null &
watcher=$!
exec 3<&-
wait "$server"; status=$?
kill "$watcher" 2>/dev/null
exit "$status"`;

export function spawnGuarded(options: GuardedProcessOptions): GuardedProcess {
  const log = openSync(options.logFile, 'w', 0o640);
  const shell = spawn('/bin/sh', ['-c', GUARD, 'bullpen-guard', options.stopSignal, options.command, ...options.args], {
    cwd: options.cwd,
    env: options.env,
    stdio: ['pipe', log, log],
    detached: true,
    ...(options.account && { uid: options.account.uid, gid: options.account.gid }),
  });
  closeSync(log);
  // Closing the pipe is the signal; a server that has gone already makes that an error of no interest.
  shell.stdin?.on('error', () => undefined);
  return guardedFace(shell);
}

function guardedFace(shell: ChildProcess): GuardedProcess {
  let ended = false;
  const exited = new Promise<number>((resolve) => {
    const end = (code: number): void => {
      ended = true;
      resolve(code);
    };
    shell.once('error', () => end(127));
    shell.once('exit', (code) => end(code ?? 137));
  });
  return {
    exited,
    hasExited: () => ended,
    async stop(by) {
      if (ended) return;
      shell.stdin?.end();
      const timer = setTimeout(() => killGroup(shell), Math.max(1, by.remainingMs));
      await exited;
      clearTimeout(timer);
    },
  };
}

function killGroup(shell: ChildProcess): void {
  try {
    if (shell.pid !== undefined) process.kill(-shell.pid, 'SIGKILL');
  } catch {
    // It ended between the check and the kill.
  }
}
