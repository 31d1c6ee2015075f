import type { RunFigures } from '@bullpen/core';
import type { HistogramRow, RunSums, RunSumsRow } from '@bullpen/db';

import { HistogramSum } from './histogram.ts';

const NO_SUMS: Readonly<RunSums> = Object.freeze({
  runs: 0, failures: 0, wallMs: 0, cpuMs: 0, gbSeconds: 0, queueWaitMs: 0, worstQueueWaitMs: 0, egressBytes: 0, tokens: 0,
});

export function addSums(into: RunSums, sums: RunSums): void {
  into.runs += sums.runs;
  into.failures += sums.failures;
  into.wallMs += sums.wallMs;
  into.cpuMs += sums.cpuMs;
  into.gbSeconds += sums.gbSeconds;
  into.queueWaitMs += sums.queueWaitMs;
  into.worstQueueWaitMs = Math.max(into.worstQueueWaitMs, sums.worstQueueWaitMs);
  into.egressBytes += sums.egressBytes;
  into.tokens += sums.tokens;
}

/** Rows of several levels added up, by what `keyOf` gives. */
export function gatherSums<K>(rows: readonly RunSumsRow[], keyOf: (row: RunSumsRow) => K): Map<K, RunSums> {
  const gathered = new Map<K, RunSums>();
  for (const row of rows) {
    const key = keyOf(row);
    const sums = gathered.get(key) ?? { ...NO_SUMS };
    gathered.set(key, sums);
    addSums(sums, row);
  }
  return gathered;
}

export function noSums(): RunSums {
  return { ...NO_SUMS };
}

/** What fairness is measured in: memory held and CPU, as the dispatcher charges them. */
export function resourceSecondsOf({ gbSeconds, cpuMs }: RunSums): number {
  return gbSeconds + cpuMs / 1000;
}

/** Percentiles of one group. */
export type Percentiles = Pick<RunFigures,
  'p50Ms' | 'p90Ms' | 'p95Ms' | 'p99Ms' | 'cpuP50Ms' | 'cpuP95Ms' | 'queueWaitP50Ms' | 'queueWaitP95Ms' | 'queueWaitP99Ms'> & { longestWaitMs: number | null };

const NO_PERCENTILES: Readonly<Percentiles> = Object.freeze({
  p50Ms: null, p90Ms: null, p95Ms: null, p99Ms: null, cpuP50Ms: null, cpuP95Ms: null, queueWaitP50Ms: null, queueWaitP95Ms: null, queueWaitP99Ms: null, longestWaitMs: null,
});

/** `sign` -1: what is taken away again, of two running totals the earlier one. */
export type SignedHistogramRow = HistogramRow & { sign?: 1 | -1 };

/** Percentiles by what `keyOf` gives, of the histograms of several levels. One group is added up after the other, in the same arrays. */
export function percentilesOf<K>(rows: readonly SignedHistogramRow[], keyOf: (row: HistogramRow) => K): Map<K, Percentiles> {
  const wall = new HistogramSum();
  const cpu = new HistogramSum();
  const queueWait = new HistogramSum();
  const percentiles = new Map<K, Percentiles>();
  for (const [key, ofGroup] of Map.groupBy(rows, keyOf)) {
    for (const row of ofGroup) {
      wall.addStored(row.wall, row.sign);
      cpu.addStored(row.cpu, row.sign);
      queueWait.addStored(row.queueWait, row.sign);
    }
    percentiles.set(key, {
      p50Ms: wall.quantile(0.5), p90Ms: wall.quantile(0.9), p95Ms: wall.quantile(0.95), p99Ms: wall.quantile(0.99),
      cpuP50Ms: cpu.quantile(0.5), cpuP95Ms: cpu.quantile(0.95),
      queueWaitP50Ms: queueWait.quantile(0.5), queueWaitP95Ms: queueWait.quantile(0.95), queueWaitP99Ms: queueWait.quantile(0.99), longestWaitMs: queueWait.quantile(1),
    });
    for (const sum of [wall, cpu, queueWait]) sum.clear();
  }
  return percentiles;
}

export function toFigures(sums: RunSums, percentiles: Percentiles | undefined, windowMs: number): RunFigures {
  const { runs, failures, wallMs, cpuMs, gbSeconds, egressBytes, tokens } = sums;
  const { longestWaitMs, ...shown } = percentiles ?? NO_PERCENTILES;
  // Running totals do not know it; then it is that of the histogram, within 1 %.
  const worstQueueWaitMs = sums.worstQueueWaitMs > 0 ? sums.worstQueueWaitMs : longestWaitMs ?? 0;
  return {
    runs, failures, errorRatio: runs === 0 ? 0 : failures / runs, runsPerS: runs / Math.max(1, windowMs / 1000),
    ...shown,
    worstQueueWaitMs, wallMs, cpuMs, gbSeconds, resourceSeconds: resourceSecondsOf(sums), egressBytes, tokens,
  };
}

/**
 * Jain's index: (sum x)^2 / (n sum x^2); 1 where all are alike, 1/n where one has everything. Null with fewer than two.
 * Source: Jain, Chiu, Hawe: A quantitative measure of fairness, DEC TR-301, 1984, https://arxiv.org/abs/cs/9809099
 */
export function jainIndex(shares: readonly number[]): number | null {
  if (shares.length < 2) return null;
  const sum = shares.reduce((total, share) => total + share, 0);
  const squares = shares.reduce((total, share) => total + share * share, 0);
  return squares === 0 ? null : (sum * sum) / (shares.length * squares);
}
