import { createLogger, runProcess } from '@bullpen/process';
import { createWorker, loadConfig } from '@bullpen/worker';

/**
 * A worker process whose event loop stands still for BLOCK_MS the first time it comes to the point named in BLOCK_AT: no
 * timer fires and no answer is read meanwhile, as with a long computation in its main thread.
 */
const config = loadConfig(process.env);
const log = createLogger('worker', config.LOG_LEVEL);
let isDone = false;
const worker = createWorker(config, {
  log,
  faults: {
    hit(point) {
      if (point !== process.env.BLOCK_AT || isDone) return;
      isDone = true;
      log.info({ point }, 'worker.blocks');
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, Number(process.env.BLOCK_MS));
      log.info({ point }, 'worker.goes_on');
    },
  },
});

await runProcess(worker, {
  log,
  stopWithinMs: config.BULLPEN_STOP_MS,
  exitWithParent: config.BULLPEN_EXIT_WITH_PARENT,
  ready: () => ({ event: 'worker.ready', facts: { workerId: worker.id } }),
});
