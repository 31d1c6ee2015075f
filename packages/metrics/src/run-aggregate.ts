import { isFailure, type FinishedRun } from '@bullpen/core';
import type { RunMetricsCell } from '@bullpen/db';

import { addValue, packHistogram, type Histogram } from './histogram.ts';

/** Runs are counted in buckets of this length, by when they finished. */
export const BUCKET_MS = 10_000;

/** Finished runs of one organization, agent, version, tier, outcome and bucket, while they are being added up. */
export interface RunAggregate extends Omit<RunMetricsCell, 'wallHistogram' | 'cpuHistogram' | 'queueWaitHistogram'> {
  wall: Histogram;
  cpu: Histogram;
  queueWait: Histogram;
}

export function keyOfAggregate(run: FinishedRun, bucketAtMs: number): string {
  return `${bucketAtMs}/${run.orgId}/${run.agent}/${run.version}/${run.tier}/${run.state}`;
}

/** Start of the bucket; a time that is none counts as now. */
export function bucketOf(finishedAtMs: number, nowMs: number): number {
  return Math.floor((Number.isFinite(finishedAtMs) ? finishedAtMs : nowMs) / BUCKET_MS) * BUCKET_MS;
}

export function emptyAggregate(run: FinishedRun, bucketAtMs: number): RunAggregate {
  return {
    bucketAtMs, orgId: run.orgId, agent: run.agent, version: run.version, tier: run.tier, outcome: run.state, runs: 0, failures: 0,
    wallMs: 0, cpuMs: 0, gbSeconds: 0, queueWaitMs: 0, worstQueueWaitMs: 0, egressBytes: 0, tokens: 0,
    wall: new Map(), cpu: new Map(), queueWait: new Map(),
  };
}

/** A run that never began (cancelled or expired in the queue) has waited, but used nothing. */
export function addRun(aggregate: RunAggregate, run: FinishedRun): void {
  const { state, usage } = run;
  const queueWaitMs = measured(run.queueWaitMs);
  aggregate.runs += 1;
  if (isFailure(state)) aggregate.failures += 1;
  aggregate.queueWaitMs += queueWaitMs;
  aggregate.worstQueueWaitMs = Math.max(aggregate.worstQueueWaitMs, queueWaitMs);
  aggregate.egressBytes += measured(usage?.egressBytesOut ?? 0);
  aggregate.tokens += measured(run.tokens ?? 0);
  addValue(aggregate.queueWait, queueWaitMs);
  if (usage === null) return;
  aggregate.wallMs += measured(usage.wallMs);
  aggregate.cpuMs += measured(usage.cpuMs);
  aggregate.gbSeconds += measured(usage.gbSeconds);
  addValue(aggregate.wall, measured(usage.wallMs));
  addValue(aggregate.cpu, measured(usage.cpuMs));
}

export function toCell({ wall, cpu, queueWait, ...sums }: RunAggregate): RunMetricsCell {
  return { ...sums, wallHistogram: packHistogram(wall), cpuHistogram: packHistogram(cpu), queueWaitHistogram: packHistogram(queueWait) };
}

/** No run comes near it (30,000 years, in ms), and sums of it over all runs there ever will be stay numbers. */
const MOST_OF_A_RUN = 1e15;

/** Clocks of two machines differ: a wait may come out negative. What is no number, or somebody made up, must not spoil a sum. */
function measured(value: number): number {
  return Number.isFinite(value) && value > 0 ? Math.min(value, MOST_OF_A_RUN) : 0;
}
