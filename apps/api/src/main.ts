import { composeServices } from '@bullpen/core';
import { createLogger, createTracing, runProcess } from '@bullpen/process';

import { loadConfig } from './config.ts';
import { createApi } from './wiring.ts';

const config = loadConfig(process.env);
const log = createLogger('api', config.LOG_LEVEL);
const api = createApi(config, { log });

const tracing = createTracing('bullpen-api', process.env, log);

await runProcess(composeServices([tracing, api]), {
  log,
  stopWithinMs: config.BULLPEN_STOP_MS,
  exitWithParent: config.BULLPEN_EXIT_WITH_PARENT,
  ready: () => ({ event: 'api.listening', facts: { url: api.url(), queue: config.QUEUE_URL.startsWith('redis') ? 'redis' : 'postgres' } }),
});
