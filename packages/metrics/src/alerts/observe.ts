import { assertNever, runtimeMetricsQuerySchema, type AlertMeasure, type Clock, type RunFigures } from '@bullpen/core';
import {
  adminReadContainerFaults, adminReadDisabledWebhooks, adminReadHeartbeatAges, adminReadKills, adminReadLargestHolder, adminReadPoolSaturation, adminReadStarved,
  type Database, type MeasuredSubject,
} from '@bullpen/db';

import { readRuntimeMetrics } from '../runtime-metrics.ts';

/** What a rule saw of one subject. */
export interface Observation {
  subject: string;
  /** Null: a worker. */
  orgId: string | null;
  value: number;
  /** In words; names no other organization. */
  reason: string;
  culpritOrgId?: string | null;
}

type RuleWindow = { measure: AlertMeasure; windowMs: number; threshold: number };

/** Of so few runs no ratio is an alert. */
const FEWEST_RUNS = 10;
const MOST_ORGANIZATIONS = 1000;

/** Reads what rules look at, each window once for all of its rules. For one turn. */
export class AlertObserver {
  readonly #db: Database;
  readonly #clock: Clock;
  readonly #nowMs: number;
  readonly #read = new Map<string, Promise<Observation[]>>();

  constructor({ db, clock }: { db: Database; clock: Clock }) {
    this.#db = db;
    this.#clock = clock;
    this.#nowMs = clock.nowMs();
  }

  /** Every subject that has a value. Those of `starved_ms` only from the threshold on. */
  observe(rule: RuleWindow): Promise<Observation[]> {
    const key = `${rule.measure}/${rule.windowMs}${rule.measure === 'starved_ms' ? `/${rule.threshold}` : ''}`;
    const known = this.#read.get(key) ?? this.#measure(rule);
    this.#read.set(key, known);
    return known;
  }

  async #measure({ measure, windowMs, threshold }: RuleWindow): Promise<Observation[]> {
    const window = { fromMs: this.#nowMs - windowMs, toMs: this.#nowMs };
    const minutes = inMinutes(windowMs);
    const organizations = (rows: readonly MeasuredSubject[], say: (value: number) => string): Observation[] =>
      rows.map(({ subject, value }) => ({ subject, orgId: subject, value: Number(value ?? 0), reason: say(Number(value ?? 0)) }));
    switch (measure) {
      case 'error_ratio':
        return this.#figures(windowMs, ({ runs, errorRatio, failures }) => (runs < FEWEST_RUNS ? null : [errorRatio, `${failures} of ${runs} runs of ${minutes} failed (${percent(errorRatio)})`]));
      case 'queue_wait_p95_ms':
        return this.#figures(windowMs, ({ queueWaitP95Ms }) => (queueWaitP95Ms === null ? null : [queueWaitP95Ms, `the p95 of the wait in the queue was ${inSeconds(queueWaitP95Ms)} in ${minutes}`]));
      case 'resource_seconds':
        return this.#figures(windowMs, ({ resourceSeconds }) => [resourceSeconds, `${resourceSeconds.toFixed(1)} resource-seconds were used in ${minutes}`]);
      case 'kills': return organizations(await adminReadKills(this.#db, window), (value) => `limits ended ${value} runs in ${minutes}`);
      case 'container_faults': return organizations(await adminReadContainerFaults(this.#db, window), (value) => `${value} containers ended for a fault in ${minutes}`);
      case 'pool_saturation': return organizations(await adminReadPoolSaturation(this.#db, window), (value) => `its memory pool was ${percent(value)} full over ${minutes}`);
      case 'heartbeat_age_ms':
        return (await adminReadHeartbeatAges(this.#db, window)).map(({ subject, value }) => ({ subject, orgId: null, value, reason: `the worker was last heard of ${inSeconds(value)} ago` }));
      case 'webhooks_disabled': return organizations(await adminReadDisabledWebhooks(this.#db, window), (value) => `${value} webhooks were given up in ${minutes}: gone, or failing for days`);
      case 'starved_ms': return this.#starved(threshold);
      default: return assertNever(measure, 'alert measure');
    }
  }

  async #figures(windowMs: number, of: (figures: RunFigures) => [value: number, reason: string] | null): Promise<Observation[]> {
    const query = runtimeMetricsQuerySchema.parse({ windowMs, limit: MOST_ORGANIZATIONS });
    const { organizations } = await this.#figuresOf(windowMs, query);
    return organizations.flatMap(({ orgId, ...figures }) => {
      const seen = of(figures);
      return seen === null ? [] : [{ subject: orgId, orgId, value: seen[0], reason: seen[1] }];
    });
  }

  readonly #byWindow = new Map<number, ReturnType<typeof readRuntimeMetrics>>();

  #figuresOf(windowMs: number, query: Parameters<typeof readRuntimeMetrics>[1]): ReturnType<typeof readRuntimeMetrics> {
    const known = this.#byWindow.get(windowMs) ?? readRuntimeMetrics({ db: this.#db, clock: this.#clock }, query);
    this.#byWindow.set(windowMs, known);
    return known;
  }

  /** Who waits although nothing of it runs, and who holds most of what there is. */
  async #starved(thresholdMs: number): Promise<Observation[]> {
    const starved = await adminReadStarved(this.#db, this.#nowMs, thresholdMs);
    if (starved.length === 0) return [];
    const holder = await adminReadLargestHolder(this.#db);
    return starved.map(({ subject, value, waiting }) => ({
      subject, orgId: subject, value,
      reason: `the oldest of ${waiting} waiting runs has waited ${inSeconds(value)} while nothing of ${subject} runs`,
      culpritOrgId: holder === null || holder.orgId === subject ? null : holder.orgId,
    }));
  }
}

function inMinutes(ms: number): string {
  return ms >= 7_200_000 ? `${Math.round(ms / 3_600_000)} hours` : `${Math.round(ms / 60_000)} minutes`;
}

function inSeconds(ms: number): string {
  return `${(ms / 1000).toFixed(ms < 10_000 ? 1 : 0)} s`;
}

function percent(ratio: number): string {
  return `${Math.round(ratio * 100)} %`;
}
