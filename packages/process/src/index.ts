/** What every process of ours has: its log, the environment it is given, and its way of starting and ending. */
export { createLogger } from './log.ts';
export { processSettings } from './settings.ts';
export { createTracing, isTracingAsked, type TracingEnv } from './tracing.ts';
export { runProcess, type ProcessOptions } from './run-process.ts';
