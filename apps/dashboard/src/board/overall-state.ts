import type { RuntimeStatus } from '@bullpen/core';

import { formatRatio, plural } from '../format/quantity.ts';
import { workerHealth } from '../workers/worker-health.ts';
import { nowTotals, type HourTotals, type NowTotals } from './totals.ts';

export interface OverallState {
  tone: 'good' | 'warn' | 'bad';
  headline: string;
  /** What is wrong, the gravest first; empty when nothing is. */
  reasons: { tone: 'warn' | 'bad'; text: string }[];
}

/** A ratio of failures only means something from this many runs on. */
const FEWEST_RUNS_TO_JUDGE = 10;
const MANY_FAILURES = 0.2;
const POOL_FULL = 0.95;

/** The state of the whole in words. Judged by the server's clock: `status.at`. */
export function overallState(status: RuntimeStatus, hour: HourTotals | null): OverallState {
  const now = nowTotals(status);
  const reasons = [...workerReasons(status, now), ...capacityReasons(status, now), ...failureReasons(hour)]
    .toSorted((a, b) => Number(b.tone === 'bad') - Number(a.tone === 'bad'));
  if (reasons.length === 0) return { tone: 'good', headline: 'Working normally', reasons };
  const grave = reasons[0]?.tone === 'bad';
  return { tone: grave ? 'bad' : 'warn', headline: grave ? 'Not working' : 'Needs attention', reasons };
}

function workerReasons({ workers, at }: RuntimeStatus, { waiting }: NowTotals): OverallState['reasons'] {
  const waits = waiting > 0 ? `, ${plural(waiting, 'run waits', 'runs wait')}` : '';
  if (workers.length === 0) return [{ tone: 'bad', text: `No worker is connected${waits}.` }];
  const atMs = Date.parse(at);
  const late = workers.filter((worker) => workerHealth(worker, atMs) === 'late');
  const stopping = workers.filter((worker) => workerHealth(worker, atMs) === 'quiescing');
  const none = late.length + stopping.length === workers.length ? 'bad' : 'warn';
  return [
    ...late.map(({ host, pid }) => ({ tone: none, text: `Worker ${host}:${pid} has missed its heartbeats.` }) as const),
    ...(stopping.length === 0 ? [] : [{ tone: none, text: `${plural(stopping.length, 'worker is', 'workers are')} stopping and take no new runs.` } as const]),
  ];
}

function capacityReasons(status: RuntimeStatus, { slots, running, waiting }: NowTotals): OverallState['reasons'] {
  const reasons: OverallState['reasons'] = [];
  if (slots > 0 && running >= slots && waiting > 0) {
    reasons.push({ tone: 'warn', text: `${slots === 1 ? 'The only slot is' : `All ${slots} slots are`} in use, ${plural(waiting, 'run waits', 'runs wait')}.` });
  }
  for (const { id, poolMb, reservedMb, queue } of status.organizations) {
    const full = reservedMb >= poolMb * status.workers.length * POOL_FULL && reservedMb > 0;
    if (full && queue.waiting > 0) reasons.push({ tone: 'warn', text: `The memory pool of ${id} is full, ${plural(queue.waiting, 'run waits', 'runs wait')}.` });
  }
  return reasons;
}

function failureReasons(hour: HourTotals | null): OverallState['reasons'] {
  if (hour === null || hour.errorRatio === null || hour.runs < FEWEST_RUNS_TO_JUDGE || hour.errorRatio < MANY_FAILURES) return [];
  // Agents that fail are their organizations' trouble before they are Bullpen's: never graver than a warning.
  return [{ tone: 'warn', text: `${formatRatio(hour.errorRatio)} of the runs of the last hour failed.` }];
}
