/** Time series of finished runs and of what workers hold: the only writer of them, and what they answer. */
export { finishedRunOf } from './finished-run.ts';
export { RELATIVE_ERROR } from './histogram.ts';
export { createMetricsCollector, type MetricsCollector, type MetricsCollectorDeps } from './metrics-collector.ts';
export { readRuntimeMetrics, readUsage } from './runtime-metrics.ts';
export { BUCKET_MS } from './run-aggregate.ts';
