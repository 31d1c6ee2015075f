import { Registry, collectDefaultMetrics } from 'prom-client';

/**
 * What Prometheus scrapes of one process. Names and units follow its conventions (base units, `_total` for counters; a test asks
 * promtool). Labels have few values each, known beforehand: outcome, tier, state, reason, route. Never an organization, an agent or
 * a run: those are in Postgres, and GET /api/admin/runtime/metrics tells of them.
 */
export interface PrometheusPage {
  readonly contentType: string;
  render(): Promise<string>;
}

/** Gauges with the suffix of counters. */
const MISNAMED = ['nodejs_active_handles_total', 'nodejs_active_requests_total', 'nodejs_active_resources_total'];

export function createRegistry(): Registry {
  const registry = new Registry();
  collectDefaultMetrics({ register: registry });
  for (const name of MISNAMED) registry.removeSingleMetric(name);
  return registry;
}

export function pageOf(registry: Registry): PrometheusPage {
  return { contentType: registry.contentType, render: () => registry.metrics() };
}
