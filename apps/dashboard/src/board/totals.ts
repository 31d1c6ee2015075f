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
  /** Median of the organizations' medians, each weighted by its runs. */
  p50Ms: number | null;
  /** The organization whose p95 is the longest: no more than 5 % of all runs can have taken longer than this. */
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

export function hourTotals({ from, to, organizations }: RuntimeMetrics): HourTotals {
  const runs = organizations.reduce((total, one) => total + one.runs, 0);
  const failures = organizations.reduce((total, one) => total + one.failures, 0);
  const slowest = organizations.reduce<HourTotals['slowest']>(
    (worst, { orgId, p95Ms }) => (p95Ms !== null && p95Ms > (worst?.p95Ms ?? -1) ? { orgId, p95Ms } : worst), null,
  );
  return {
    runs, failures, slowest,
    errorRatio: runs === 0 ? null : failures / runs,
    runsPerMinute: runs / Math.max(1, (Date.parse(to) - Date.parse(from)) / 60_000),
    p50Ms: weightedMedian(organizations.flatMap(({ p50Ms, runs: weight }) => (p50Ms === null ? [] : [{ value: p50Ms, weight }]))),
  };
}

/** The smallest value at which half of the weight is reached. */
export function weightedMedian(items: readonly { value: number; weight: number }[]): number | null {
  const half = items.reduce((total, { weight }) => total + weight, 0) / 2;
  let reached = 0;
  for (const { value, weight } of items.toSorted((a, b) => a.value - b.value)) {
    reached += weight;
    if (reached >= half) return value;
  }
  return null;
}
