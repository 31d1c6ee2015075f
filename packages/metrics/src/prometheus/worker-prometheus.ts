import type { ContainerDeath, ContainerState, FinishedRun, OrganizationRuntimeSnapshot, Tier } from '@bullpen/core';
import { Counter, Gauge, Histogram, type Registry } from 'prom-client';

import { createRegistry, pageOf, type PrometheusPage } from './registry.ts';

export interface WorkerPrometheus extends PrometheusPage {
  count(run: FinishedRun): void;
  countDelivery(outcome: DeliveryCount, count?: number): void;
}

/** What an attempt to tell a webhook came to; beside it, deliveries given up since too many waited (`crowded_out`), and webhooks `disabled`. */
const DELIVERY_COUNTS = ['delivered', 'retried', 'given_up', 'crowded_out', 'disabled'] as const;
export type DeliveryCount = (typeof DELIVERY_COUNTS)[number];

export interface WorkerReadings {
  slots: number;
  running(): number;
  organizations(): readonly OrganizationRuntimeSnapshot[];
  collector(): { buffered: number; dropped: number };
  webhookPendingAgeMs(): number;
}

const MIB = 2 ** 20;
const GIB = 2 ** 30;
/** From a warm container's milliseconds to the longest timeout. */
const DURATION_BUCKETS_S = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 900, 3600];

/** A worker's runs as they end, and what it holds at the moment of the scrape. */
export function createWorkerPrometheus(readings: WorkerReadings): WorkerPrometheus {
  const registry = createRegistry();
  gauges(registry, readings);
  return { ...pageOf(registry), count: runCounters(registry), countDelivery: deliveryCounter(registry) };
}

function runCounters(registry: Registry): (run: FinishedRun) => void {
  const of = { registers: [registry] };
  const finished = new Counter({ ...of, name: 'bullpen_runs_finished_total', help: 'Runs that reached a terminal state on this worker.', labelNames: ['outcome', 'tier'] });
  const duration = new Histogram({ ...of, name: 'bullpen_run_duration_seconds', help: 'Wall time of the last attempts.', labelNames: ['tier'], buckets: DURATION_BUCKETS_S });
  const wait = new Histogram({ ...of, name: 'bullpen_run_queue_wait_seconds', help: 'From queued, or its not-before time, to claimed.', buckets: DURATION_BUCKETS_S });
  const cpu = new Counter({ ...of, name: 'bullpen_run_cpu_seconds_total', help: 'CPU time of runs.', labelNames: ['tier'] });
  const memory = new Counter({ ...of, name: 'bullpen_run_memory_byte_seconds_total', help: 'Memory held by runs times wall time.', labelNames: ['tier'] });
  const egress = new Counter({ ...of, name: 'bullpen_run_egress_bytes_total', help: 'Bytes that runs sent through the egress proxy.' });
  const tokens = new Counter({ ...of, name: 'bullpen_run_tokens_total', help: 'Tokens of language models that runs reported.' });
  return ({ state, tier, queueWaitMs, usage, tokens: count }) => {
    finished.inc({ outcome: state, tier });
    wait.observe(Math.max(0, queueWaitMs) / 1000);
    egress.inc(usage?.egressBytesOut ?? 0);
    tokens.inc(count ?? 0);
    if (usage === null) return;
    duration.observe({ tier }, usage.wallMs / 1000);
    cpu.inc({ tier }, usage.cpuMs / 1000);
    memory.inc({ tier }, usage.gbSeconds * GIB);
  };
}

function deliveryCounter(registry: Registry): WorkerPrometheus['countDelivery'] {
  const deliveries = new Counter({ registers: [registry], name: 'bullpen_webhook_deliveries_total', help: 'Attempts to tell webhooks, by what became of the delivery; and webhooks that were disabled.', labelNames: ['outcome'] });
  for (const outcome of DELIVERY_COUNTS) deliveries.inc({ outcome }, 0);
  return (outcome, count = 1) => deliveries.inc({ outcome }, count);
}

function gauges(registry: Registry, readings: WorkerReadings): void {
  const gauge = (name: string, help: string, read: () => number) => new Gauge({ registers: [registry], name, help, collect() { this.set(read()); } });
  const sum = (of: (organization: OrganizationRuntimeSnapshot) => number) => readings.organizations().reduce((total, one) => total + of(one), 0);
  gauge('bullpen_worker_slots', 'Runs that this worker may execute at once.', () => readings.slots);
  gauge('bullpen_worker_slots_in_use', 'Runs that it executes.', () => readings.running());
  gauge('bullpen_worker_organizations', 'Organizations that hold something here.', () => readings.organizations().length);
  gauge('bullpen_pool_reserved_bytes', 'Container memory reserved, all organizations.', () => sum(({ reservedMb }) => reservedMb) * MIB);
  gauge('bullpen_pool_limit_bytes', 'Memory pools of the organizations that hold something here.', () => sum(({ poolMb }) => poolMb) * MIB);
  gauge('bullpen_metrics_buffered', 'Sums and gauges that wait to be written to Postgres.', () => readings.collector().buffered);
  gauge('bullpen_webhook_pending_age_seconds', 'How long the oldest delivery to a webhook that is due has waited to be sent.', () => readings.webhookPendingAgeMs() / 1000);
  cumulative(registry, { name: 'bullpen_metrics_dropped_runs_total', help: 'Finished runs that are in no time series.' }, () => [[{}, readings.collector().dropped]]);
  containers(registry, readings);
  cumulative(registry, { name: 'bullpen_container_deaths_total', help: 'Containers that ended, by reason.', labelNames: ['reason'] }, () => {
    const deaths = new Map<ContainerDeath, number>();
    for (const { deaths: ofOne } of readings.organizations()) {
      for (const [reason, count] of Object.entries(ofOne) as [ContainerDeath, number][]) deaths.set(reason, (deaths.get(reason) ?? 0) + count);
    }
    return [...deaths].map(([reason, count]) => [{ reason }, count]);
  });
}

function containers(registry: Registry, { organizations }: WorkerReadings): void {
  void new Gauge({
    registers: [registry], name: 'bullpen_containers', help: 'Containers, by what they do and how strong their wall is.', labelNames: ['state', 'tier'],
    collect() {
      this.reset();
      for (const { containers: ofOne } of organizations()) for (const { state, tier } of ofOne) this.inc({ state, tier } satisfies { state: ContainerState; tier: Tier });
    },
  });
}

type Labelled = [Readonly<Record<string, string>>, number];

/** Counted elsewhere. What was said once does not fall: an organization that is not shown any more had its deaths all the same. */
function cumulative(registry: Registry, of: { name: string; help: string; labelNames?: string[] }, read: () => Labelled[]): void {
  const said = new Map<string, number>();
  void new Counter({
    registers: [registry], ...of,
    collect() {
      for (const [labels, value] of read()) {
        const key = JSON.stringify(labels);
        const before = said.get(key) ?? 0;
        if (value > before || !said.has(key)) {
          this.inc(labels, Math.max(0, value - before));
          said.set(key, Math.max(before, value));
        }
      }
    },
  });
}
