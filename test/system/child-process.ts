import { spawn, type ChildProcess } from 'node:child_process';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';

/** A process of ours as it is deployed: its own Node, its own signals. */
export interface Child {
  readonly process: ChildProcess;
  /** The line by which it said that it is ready. */
  readonly ready: Record<string, unknown>;
  /** Resolves with its exit code, or the signal that ended it. */
  readonly exited: Promise<number | NodeJS.Signals>;
  /** Every line of its log so far. */
  readonly lines: Record<string, unknown>[];
}

const PROCESSES = {
  api: { main: '../../apps/api/src/main.ts', ready: 'api.listening' },
  worker: { main: '../../apps/worker/src/main.ts', ready: 'worker.ready' },
  'killed-worker': { main: './killed-worker.ts', ready: 'worker.ready' },
  'blocked-worker': { main: './blocked-worker.ts', ready: 'worker.ready' },
  'blank-cells': { main: './blank-cells.ts', ready: 'cells.ready' },
} as const;

/** Starts `apps/api`, `apps/worker` or a worker to which something happens, and resolves when it says that it is ready. */
export async function startChild(app: keyof typeof PROCESSES, env: Record<string, string>): Promise<Child> {
  const main = fileURLToPath(new URL(PROCESSES[app].main, import.meta.url));
  const child = spawn(process.execPath, [main], { env: { PATH: process.env.PATH, ...env }, stdio: ['pipe', 'pipe', 'inherit'] });
  const lines: Record<string, unknown>[] = [];
  const exited = new Promise<number | NodeJS.Signals>((resolve) => {
    child.once('exit', (code, signal) => resolve(code ?? signal ?? 1));
  });
  const ready = await new Promise<Record<string, unknown>>((resolve, reject) => {
    createInterface({ input: child.stdout }).on('line', (text) => {
      const line = JSON.parse(text) as Record<string, unknown>;
      lines.push(line);
      if (line.msg === PROCESSES[app].ready) resolve(line);
    });
    void exited.then((code) => reject(new Error(`${app} ended with ${code} before it was ready: ${JSON.stringify(lines.at(-1))}`)));
  });
  return { process: child, ready, exited, lines };
}
