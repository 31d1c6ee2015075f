import { spawn, type ChildProcess } from 'node:child_process';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';

/** A server in a process of its own. */
export interface BenchServer {
  /** What its first line says. */
  readonly url: string;
  stop(): Promise<void>;
}

const ROOT = fileURLToPath(new URL('../../../', import.meta.url));

/** The handler that ours is measured against. */
export const startMinimal = (redisUrl: string) => startProcess('test/bench/http/minimal-process.ts', { REDIS_URL: redisUrl });
export const startApi = (env: Record<string, string>) => startProcess('apps/api/src/main.ts', env);
export const startWorker = (env: Record<string, string>) => startProcess('apps/worker/src/main.ts', env);

/** Resolves when the process has logged a line with `url`, or that it is ready. */
async function startProcess(file: string, env: Record<string, string>): Promise<BenchServer> {
  const child = spawn(process.execPath, [`${ROOT}${file}`], { cwd: ROOT, env: { ...process.env, ...env }, stdio: ['ignore', 'pipe', 'inherit'] });
  const url = await readyLine(child);
  return {
    url,
    stop: () => new Promise((resolve) => {
      child.once('exit', () => resolve());
      child.kill('SIGTERM');
    }),
  };
}

function readyLine(child: ChildProcess): Promise<string> {
  return new Promise((resolve, reject) => {
    let last = '';
    child.once('exit', (code) => reject(new Error(`ended with ${code} before it was ready: ${last}`)));
    createInterface({ input: child.stdout! }).on('line', (line) => {
      last = line;
      const said = JSON.parse(line) as { msg?: string; url?: string };
      if (said.url !== undefined || said.msg === 'worker.ready') resolve(said.url ?? '');
    });
  });
}
