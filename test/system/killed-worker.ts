import { createLogger, runProcess } from '@bullpen/process';
import { createWorker, loadConfig } from '@bullpen/worker';

/**
 * A worker process that kills itself, as the kernel would, the first time it comes to the point named in KILL_AT: no
 * handler runs, nothing is written, nothing is given back.
 */
const config = loadConfig(process.env);
const log = createLogger('worker', config.LOG_LEVEL);
const killAt = process.env.KILL_AT;
const worker = createWorker(config, { log, faults: { hit: (point) => { if (point === killAt) process.kill(process.pid, 'SIGKILL'); } } });

await runProcess(worker, {
  log,
  stopWithinMs: config.BULLPEN_STOP_MS,
  exitWithParent: config.BULLPEN_EXIT_WITH_PARENT,
  ready: () => ({ event: 'worker.ready', facts: { workerId: worker.id } }),
});
