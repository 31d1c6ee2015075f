import type { RuntimeMetrics, RuntimeStatus } from '@bullpen/core';

import { bucketRunsByOrganization, type RunBucket } from '../charts/run-buckets.ts';

/** One organization as the board shows it: what it does now, and its last hour. */
export interface OrganizationRow {
  id: string;
  name: string;
  waiting: number;
  delayed: number;
  active: number;
  /** The pool of one worker times the workers. */
  poolMb: number;
  reservedMb: number;
  containers: number;
  /** Null until the metrics have arrived. */
  runs: number | null;
  failures: number | null;
  errorRatio: number | null;
  p50Ms: number | null;
  p95Ms: number | null;
  queueWaitP95Ms: number | null;
  cpuMs: number | null;
  gbSeconds: number | null;
  buckets: readonly RunBucket[];
}

const SPARK_BUCKETS = 30;

/** Joins the two answers. An organization without metrics ran nothing in the window. */
export function organizationRows(status: RuntimeStatus, metrics: RuntimeMetrics | undefined): OrganizationRow[] {
  const metricsOf = new Map(metrics?.organizations.map((one) => [one.orgId, one]));
  const bucketsOf = metrics === undefined ? new Map<string, RunBucket[]>() : bucketRunsByOrganization(metrics, SPARK_BUCKETS);
  const ranNothing = metrics === undefined ? null : 0;
  return status.organizations.map(({ id, name, poolMb, reservedMb, containers, queue }) => {
    const hour = metricsOf.get(id);
    return {
      id, name, reservedMb, containers, ...queue,
      poolMb: poolMb * status.workers.length,
      runs: hour?.runs ?? ranNothing,
      failures: hour?.failures ?? ranNothing,
      errorRatio: hour === undefined || hour.runs === 0 ? null : hour.errorRatio,
      p50Ms: hour?.p50Ms ?? null,
      p95Ms: hour?.p95Ms ?? null,
      queueWaitP95Ms: hour?.queueWaitP95Ms ?? null,
      cpuMs: hour?.cpuMs ?? ranNothing,
      gbSeconds: hour?.gbSeconds ?? ranNothing,
      buckets: bucketsOf.get(id) ?? [],
    };
  });
}

/** True when the id or the name holds the text, whatever its case. */
export function matchesText({ id, name }: { id: string; name: string }, text: string): boolean {
  const wanted = text.trim().toLowerCase();
  return id.includes(wanted) || name.toLowerCase().includes(wanted);
}
