import { spawn, type ChildProcess } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { open, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';

/** A server in a process of its own. */
export interface BenchServer {
  /** What its first line says. */
  readonly url: string;
  stop(): Promise<void>;
}

const ROOT = fileURLToPath(new URL('../../../', import.meta.url));

/** The handler that ours is measured against. */
export const startMinimal = (redisUrl: string, dir: string) => startProcess('test/bench/http/minimal-process.ts', dir, { REDIS_URL: redisUrl });
export const startMinimalWorker = (redisUrl: string, dir: string) => startProcess('test/bench/http/minimal-worker-process.ts', dir, { REDIS_URL: redisUrl });
export const startApi = (env: Record<string, string>, dir: string) => startProcess('apps/api/src/main.ts', dir, env);
export const startWorker = (env: Record<string, string>, dir: string) => startProcess('apps/worker/src/main.ts', dir, env);

const LOOK_MS = 20;

/** Resolves when the process has logged a line with `url`, or that it is ready. It logs to a file: whoever reads a log takes CPU time of his own. */
async function startProcess(file: string, dir: string, env: Record<string, string>): Promise<BenchServer> {
  const logFile = join(dir, `${randomUUID()}.log`);
  const log = await open(logFile, 'w');
  const child = spawn(process.execPath, [`${ROOT}${file}`], { cwd: ROOT, env: { ...process.env, ...env }, stdio: ['ignore', log.fd, 'inherit'] });
  await log.close();
  const url = await readyLine(child, logFile);
  return {
    url,
    stop: () => new Promise((resolve) => {
      child.once('exit', () => resolve());
      child.kill('SIGTERM');
    }),
  };
}

async function readyLine(child: ChildProcess, logFile: string): Promise<string> {
  for (;;) {
    const lines = (await readFile(logFile, 'utf8')).split('\n').slice(0, -1);
    const said = lines.map((line) => JSON.parse(line) as { msg?: string; url?: string }).find(({ msg, url }) => url !== undefined || msg === 'worker.ready');
    if (said !== undefined) return said.url ?? '';
    if (child.exitCode !== null || child.signalCode !== null) throw new Error(`ended with ${child.exitCode} before it was ready: ${lines.at(-1) ?? ''}`);
    await setTimeout(LOOK_MS);
  }
}
