import type { RuntimeMetrics, RuntimeStatus } from '@bullpen/core';

/** The figures of the strip at the top. */
export interface NowTotals {
  waiting: number;
  delayed: number;
  active: number;
  slots: number;
  running: number;
  reservedMb: number;
  /** Every organization's pool on every worker. */
  poolMb: number;
}

export interface HourTotals {
  runs: number;
  failures: number;
  errorRatio: number | null;
  runsPerMinute: number;
  /** Of all runs. */
  p50Ms: number | null;
  p95Ms: number | null;
  /** The organization whose p95 is the longest. */
  slowest: { orgId: string; p95Ms: number } | null;
}

export function nowTotals({ organizations, workers }: RuntimeStatus): NowTotals {
  const sum = (values: number[]): number => values.reduce((total, value) => total + value, 0);
  return {
    waiting: sum(organizations.map(({ queue }) => queue.waiting)),
    delayed: sum(organizations.map(({ queue }) => queue.delayed)),
    active: sum(organizations.map(({ queue }) => queue.active)),
    slots: sum(workers.map(({ slots }) => slots)),
    running: sum(workers.map(({ running }) => running)),
    reservedMb: sum(organizations.map(({ reservedMb }) => reservedMb)),
    poolMb: sum(organizations.map(({ poolMb }) => poolMb)) * workers.length,
  };
}

export function hourTotals({ from, to, total: { runs, failures, p50Ms, p95Ms }, organizations }: RuntimeMetrics): HourTotals {
  const slowest = organizations.reduce<HourTotals['slowest']>(
    (worst, { orgId, p95Ms }) => (p95Ms !== null && p95Ms > (worst?.p95Ms ?? -1) ? { orgId, p95Ms } : worst), null,
  );
  return {
    runs, failures, p50Ms, p95Ms, slowest,
    errorRatio: runs === 0 ? null : failures / runs,
    runsPerMinute: runs / Math.max(1, (Date.parse(to) - Date.parse(from)) / 60_000),
  };
}
