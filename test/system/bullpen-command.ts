import { spawn, type ChildProcess } from 'node:child_process';
import { text } from 'node:stream/consumers';
import { setImmediate as immediate } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';

const BIN = fileURLToPath(new URL('../../apps/cli/bin/bullpen.mjs', import.meta.url));

export interface Ended {
  exitCode: number | null;
  stdout: string;
  stderr: string;
}

export interface CommandOptions {
  cwd: string;
  /** What is piped in; nothing where left out. */
  stdin?: string;
  env?: Record<string, string>;
  /** Called with everything that stderr said so far. */
  /** Asked again and again; SIGINT is sent, once, when it says true. */
  interruptWhen?: () => Promise<boolean>;
  onStderr?: (said: string, kill: (signal: NodeJS.Signals) => void) => void;
}

/** Runs the `bullpen` command as a user does: its own process, its own folder, an environment with nothing of ours. */
export async function bullpen(args: readonly string[], options: CommandOptions): Promise<Ended> {
  const child = spawn(process.execPath, [BIN, ...args], {
    cwd: options.cwd,
    env: { PATH: process.env.PATH, ...options.env },
    stdio: [options.stdin === undefined ? 'ignore' : 'pipe', 'pipe', 'pipe'],
  });
  child.stdin?.end(options.stdin);
  let said = '';
  child.stderr!.on('data', (chunk: Buffer) => {
    said += chunk.toString();
    options.onStderr?.(said, (signal) => { child.kill(signal); });
  });
  void interruptOnce(child, options);
  const [exitCode, stdout] = await Promise.all([
    new Promise<number | null>((resolve) => { child.once('close', resolve); }),
    text(child.stdout!),
  ]);
  return { exitCode, stdout, stderr: said };
}

async function interruptOnce(child: ChildProcess, { interruptWhen }: CommandOptions): Promise<void> {
  if (interruptWhen === undefined) return;
  while (child.exitCode === null && !(await interruptWhen())) await immediate();
  child.kill('SIGINT');
}
