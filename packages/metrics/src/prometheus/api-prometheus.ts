import { Counter, Gauge, Histogram } from 'prom-client';

import { createRegistry, pageOf, type PrometheusPage } from './registry.ts';

export interface HttpExchange {
  method: string;
  /** The pattern of the route, never the path itself: `/v1/runs/:id`. */
  route: string;
  status: number;
  durationMs: number;
}

export interface ApiPrometheus extends PrometheusPage {
  count(exchange: HttpExchange): void;
  countEvent(outcome: EventOutcome): void;
}

/** What became of an event at the address of a trigger. */
export type EventOutcome = 'accepted' | 'duplicate' | 'challenge' | 'unknown' | 'disabled' | 'unsigned' | 'invalid' | 'limited' | 'failed';

/** What an API process knows of the whole system at the moment of a scrape. */
export interface SystemReadings {
  organizations: number;
  workers: number;
  slots: number;
  running: number;
  queue: { waiting: number; delayed: number; active: number };
  alertsFiring: number;
  healthScore: number;
}

const DURATION_BUCKETS_S = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60];
const METHODS = new Set(['GET', 'POST', 'PUT', 'PATCH', 'DELETE', 'HEAD', 'OPTIONS']);

/** Requests as they end, and the system as a whole. @param read - null where it is not known at the moment */
export function createApiPrometheus(read: () => Promise<SystemReadings | null>): ApiPrometheus {
  const registry = createRegistry();
  const of = { registers: [registry] };
  const requests = new Counter({ ...of, name: 'bullpen_http_requests_total', help: 'Requests answered.', labelNames: ['method', 'route', 'status'] });
  const duration = new Histogram({ ...of, name: 'bullpen_http_request_duration_seconds', help: 'From request to the end of its answer.', labelNames: ['method', 'route'], buckets: DURATION_BUCKETS_S });
  const depth = new Gauge({ ...of, name: 'bullpen_queue_runs', help: 'Runs in the queues of all organizations.', labelNames: ['state'] });
  const events = new Counter({ ...of, name: 'bullpen_trigger_events_total', help: 'Events that arrived at triggers, by what became of them.', labelNames: ['outcome'] });
  const gauge = (name: string, help: string) => new Gauge({ ...of, name, help });
  const organizations = gauge('bullpen_organizations', 'Organizations.');
  const workers = gauge('bullpen_workers', 'Workers that were heard of in the last ten seconds.');
  const slots = gauge('bullpen_slots', 'Slots of all workers.');
  const running = gauge('bullpen_slots_in_use', 'Runs that all workers execute.');
  const alerts = gauge('bullpen_alerts_firing', 'Alerts that fire, of all organizations.');
  const health = gauge('bullpen_health_score', 'Health of the system, 0 to 100.');
  const page = pageOf(registry);
  return {
    ...page,
    count: ({ method: given, route, status, durationMs }) => {
      const method = METHODS.has(given) ? given : 'other';
      requests.inc({ method, route, status: String(status) });
      duration.observe({ method, route }, durationMs / 1000);
    },
    countEvent: (outcome) => events.inc({ outcome }),
    async render() {
      const system = await read();
      if (system !== null) {
        for (const [state, count] of Object.entries(system.queue)) depth.set({ state }, count);
        organizations.set(system.organizations);
        workers.set(system.workers);
        slots.set(system.slots);
        running.set(system.running);
        alerts.set(system.alertsFiring);
        health.set(system.healthScore);
      }
      return page.render();
    },
  };
}
