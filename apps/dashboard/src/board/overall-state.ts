import type { RuntimeStatus } from '@bullpen/core';

import { formatRatio, plural, someOf } from '../format/quantity.ts';
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
  const reasons = [...workerReasons(status, now), ...alertReasons(status), ...capacityReasons(status, now), ...failureReasons(hour)]
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
  const reasons: OverallState['reasons'] = [];
  if (late.length > 0) {
    const names = someOf(late.map(({ host, pid }) => `${host}:${pid}`));
    reasons.push({ tone: none, text: late.length === 1 ? `Worker ${names} has missed its heartbeats.` : `Workers ${names} have missed their heartbeats.` });
  }
  if (stopping.length > 0) {
    reasons.push({ tone: none, text: `${plural(stopping.length, 'worker is stopping and takes', 'workers are stopping and take')} no new runs.` });
  }
  return reasons;
}

/** An alert has a section of its own; here it keeps the headline from saying that all is well. */
function alertReasons({ alerts }: RuntimeStatus): OverallState['reasons'] {
  const grave = alerts.filter(({ state, severity, silenced, acknowledgedAt }) => state === 'firing' && severity === 'critical' && !silenced && acknowledgedAt === null);
  if (grave.length === 0) return [];
  return [{ tone: 'warn', text: `${plural(grave.length, 'critical alert fires', 'critical alerts fire')}: ${someOf(grave.map(({ rule, subject }) => `${rule} (${subject})`))}.` }];
}

function capacityReasons(status: RuntimeStatus, { slots, running, waiting }: NowTotals): OverallState['reasons'] {
  const reasons: OverallState['reasons'] = [];
  if (slots > 0 && running >= slots && waiting > 0) {
    reasons.push({ tone: 'warn', text: `${slots === 1 ? 'The only slot is' : `All ${slots} slots are`} in use, ${plural(waiting, 'run waits', 'runs wait')}.` });
  }
  const full = status.organizations.filter(({ poolMb, reservedMb, queue }) =>
    queue.waiting > 0 && reservedMb > 0 && reservedMb >= poolMb * status.workers.length * POOL_FULL);
  if (full.length > 0) {
    const held = full.reduce((sum, { queue }) => sum + queue.waiting, 0);
    const pools = `${full.length === 1 ? 'The memory pool' : 'The memory pools'} of ${someOf(full.map(({ id }) => id))} ${full.length === 1 ? 'is' : 'are'} full`;
    reasons.push({ tone: 'warn', text: `${pools}, ${plural(held, 'run waits', 'runs wait')}.` });
  }
  return reasons;
}

function failureReasons(hour: HourTotals | null): OverallState['reasons'] {
  if (hour === null || hour.errorRatio === null || hour.runs < FEWEST_RUNS_TO_JUDGE || hour.errorRatio < MANY_FAILURES) return [];
  // Agents that fail are their organizations' trouble before they are Bullpen's: never graver than a warning.
  return [{ tone: 'warn', text: `${formatRatio(hour.errorRatio)} of the runs of the last hour failed.` }];
}
