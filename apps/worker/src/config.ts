import { hostname, tmpdir } from 'node:os';
import { join } from 'node:path';

import { parseConfig } from '@bullpen/core';
import type { MetricRetention } from '@bullpen/db';
import { processSettings } from '@bullpen/process';
import { isRange } from '@bullpen/runtime';
import { z } from 'zod';

const privateRanges = z.string().transform((text) => text.split(',').map((range) => range.trim()))
  .refine((ranges) => ranges.every(isRange), 'ranges of addresses such as 10.2.0.0/16, separated by commas').optional();

const retainDays = (usual: number) => z.coerce.number().int().min(1).max(36_500).default(usual);

const schema = z.object({
  ...processSettings,
  /** Runs that this worker executes at once. */
  BULLPEN_SLOTS: z.coerce.number().int().min(1).max(1024).default(16),
  /** Where verified bundles are kept; made when missing. */
  BULLPEN_CACHE_DIR: z.string().min(1).default(join(tmpdir(), 'bullpen-bundles')),
  /** How long the queue waits for a sign of life before it gives a run to another worker. */
  BULLPEN_LEASE_MS: z.coerce.number().int().min(1000).max(600_000).default(30_000),
  BULLPEN_RECONCILE_MS: z.coerce.number().int().min(100).max(600_000).default(5000),
  /** How often the health of canaries is looked at. */
  BULLPEN_CANARY_MS: z.coerce.number().int().min(50).max(600_000).default(5000),
  /** An idle container is stopped after this long. */
  BULLPEN_CONTAINER_IDLE_MS: z.coerce.number().int().min(100).default(60_000),
  /** Idle containers of all organizations together: twice the slots where left out. Each of tier enhanced takes about 27 MB with its organization's process. */
  BULLPEN_MAX_IDLE_CONTAINERS: z.coerce.number().int().min(0).max(100_000).optional(),
  /** Where `/metrics` and `/healthz` listen: loopback unless asked otherwise; any free port where this one is taken. */
  BULLPEN_PROBE_HOST: z.string().min(1).default('127.0.0.1'),
  BULLPEN_PROBE_PORT: z.coerce.number().int().min(0).max(65_535).default(9464),
  /** Private ranges that webhooks may be in, such as `10.2.0.0/16,127.0.0.1/32`; they come from tenants, so by default only addresses outside are reached. */
  BULLPEN_WEBHOOK_PRIVATE_RANGES: privateRanges,
  /** Deliveries that may wait for one endpoint: of more the oldest are given up. */
  BULLPEN_WEBHOOK_MAX_PENDING: z.coerce.number().int().min(1).max(10_000_000).default(100_000),
  /** Private ranges that agents may reach where their allowlist names them, in the same form. */
  BULLPEN_EGRESS_PRIVATE_RANGES: privateRanges,
  // Days that time series are kept, by level. Buckets of 10 s are needed until they are rolled up, and for questions about the last
  // minutes; days for a comparison with last year. One level is kept no longer than the next coarser one.
  BULLPEN_RETAIN_10S_DAYS: retainDays(2),
  BULLPEN_RETAIN_1M_DAYS: retainDays(14),
  BULLPEN_RETAIN_1H_DAYS: retainDays(90),
  BULLPEN_RETAIN_1D_DAYS: retainDays(800),
  /** Gauges of workers, organizations and containers. */
  BULLPEN_RETAIN_SAMPLES_DAYS: retainDays(3),
  HOSTNAME: z.string().default(hostname()),
}).refine(
  (config) => config.BULLPEN_RETAIN_10S_DAYS <= config.BULLPEN_RETAIN_1M_DAYS && config.BULLPEN_RETAIN_1M_DAYS <= config.BULLPEN_RETAIN_1H_DAYS
    && config.BULLPEN_RETAIN_1H_DAYS <= config.BULLPEN_RETAIN_1D_DAYS,
  { path: ['BULLPEN_RETAIN_1D_DAYS'], error: 'a coarser level of the time series must be kept as long as a finer one: 10S <= 1M <= 1H <= 1D' },
);

export type WorkerConfig = Readonly<z.output<typeof schema>>;

/** @throws BullpenError CONFIG_INVALID */
export function loadConfig(env: Readonly<Record<string, string | undefined>>): WorkerConfig {
  return parseConfig(schema, env);
}

export function metricRetentionOf(config: WorkerConfig): MetricRetention {
  return {
    run_metrics: config.BULLPEN_RETAIN_10S_DAYS,
    run_metrics_1m: config.BULLPEN_RETAIN_1M_DAYS,
    run_metrics_1h: config.BULLPEN_RETAIN_1H_DAYS,
    run_metrics_1d: config.BULLPEN_RETAIN_1D_DAYS,
    runtime_samples: config.BULLPEN_RETAIN_SAMPLES_DAYS,
  };
}
