import { join } from 'node:path';

import { Deadline, silentLogger, toEnqueuedRun, type Faults, type Logger, type NewRun } from '@bullpen/core';
import { createWorker, loadConfig } from '@bullpen/worker';

import type { BenchContext } from '../bench.ts';
import { cpuPerRun, readCpuUse } from './cpu-use.ts';
import type { Line } from './line.ts';

export interface OurSide {
  /** Adds the runs, whose rows are there, burst by burst. @returns runs per second from the first job added to the last one completed */
  perSecond(bursts: readonly NewRun[][], line: Line): Promise<number>;
  /** Containers that are there. */
  containers(): number;
  stop(): Promise<void>;
}

/** @param settings - of the worker, beside where its services are */
export async function startOurs({ services, log }: BenchContext, options: { dir: string; prefix: string; settings: Record<string, string>; logger?: Logger }): Promise<OurSide> {
  let line: Line | null = null;
  const faults: Faults = { hit: (point) => { if (point === 'after-complete') line?.completed(); } };
  const env = {
    DATABASE_URL: services.postgresUrl, QUEUE_URL: services.redisUrl, QUEUE_PREFIX: options.prefix,
    BULLPEN_CACHE_DIR: join(options.dir, options.prefix), BULLPEN_RECONCILE_MS: '600000', ...options.settings,
  };
  const worker = createWorker(loadConfig(env), { log: options.logger ?? silentLogger, faults });
  await worker.start();
  return {
    async perSecond(bursts, newLine) {
      line = newLine;
      const before = readCpuUse('before');
      const beganMs = performance.now();
      await newLine.run(async (n) => { await worker.queue.enqueue((bursts[n] ?? []).map((run) => toEnqueuedRun({ ...run, runId: run.id }))); });
      const tookMs = performance.now() - beganMs;
      log(cpuPerRun(readCpuUse('after'), before, newLine.jobs));
      line = null;
      return (newLine.jobs / tookMs) * 1000;
    },
    containers: () => worker.runtime.snapshot().reduce((sum, { containers }) => sum + containers.length, 0),
    stop: () => worker.stop(Deadline.in(60_000)),
  };
}
