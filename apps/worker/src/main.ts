import { composeServices, systemClock } from '@bullpen/core';
import { createLogger, createTracing, runProcess } from '@bullpen/process';
import { reportIsolation } from '@bullpen/runtime';

import { loadConfig } from './config.ts';
import { createWorker } from './wiring.ts';

/** Runs a worker until it is told to stop; with `--isolation`, only tries what this machine can enforce and prints it as JSON. */
if (process.argv[2] === '--isolation') {
  process.stdout.write(`${JSON.stringify(await reportIsolation(systemClock))}\n`);
} else {
  const config = loadConfig(process.env);
  const log = createLogger('worker', config.LOG_LEVEL);
  const worker = createWorker(config, { log });

  const tracing = createTracing('bullpen-worker', process.env, log);

  await runProcess(composeServices([tracing, worker]), {
    log,
    stopWithinMs: config.BULLPEN_STOP_MS,
    exitWithParent: config.BULLPEN_EXIT_WITH_PARENT,
    ready: () => ({ event: 'worker.ready', facts: { workerId: worker.id, slots: config.BULLPEN_SLOTS, queue: worker.queue.backend } }),
  });
}
