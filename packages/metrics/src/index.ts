/** Time series of finished runs and of what workers hold: the only writer of them, and what they answer. */
export { finishedRunOf } from './finished-run.ts';
export { RELATIVE_ERROR } from './histogram.ts';
export { createMetricsCollector, type MetricsCollector, type MetricsCollectorDeps } from './metrics-collector.ts';
export { readRuntimeMetrics, readUsage } from './runtime-metrics.ts';
export { BUCKET_MS } from './run-aggregate.ts';
export { createApiPrometheus, type ApiPrometheus, type EventOutcome, type HttpExchange, type SystemReadings } from './prometheus/api-prometheus.ts';
export type { PrometheusPage } from './prometheus/registry.ts';
export { createWorkerPrometheus, type DeliveryCount, type WorkerPrometheus, type WorkerReadings } from './prometheus/worker-prometheus.ts';
export { organizationHealth, systemHealth, workerHealth, type OrganizationFacts, type SystemFacts } from './health.ts';
export { evaluateAlerts } from './alerts/evaluate.ts';
