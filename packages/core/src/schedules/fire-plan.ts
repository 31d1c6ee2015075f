import { assertNever } from '../assert-never.ts';
import type { FireTimes } from './cron-times.ts';
import { newestTimes, timesBetween } from './schedule-times.ts';

/** What a schedule does when it is due and its last run has not ended. */
export const OVERLAP_POLICIES = ['allow', 'skip', 'queue_one'] as const;
export type OverlapPolicy = (typeof OVERLAP_POLICIES)[number];

/** What becomes of the times that passed while nobody could fire. */
export const CATCH_UP_POLICIES = ['none', 'last', 'all'] as const;
export type CatchUpPolicy = (typeof CATCH_UP_POLICIES)[number];

/** A time this long ago is still on time: a worker that is restarted is no downtime. */
export const ON_TIME_MS = 60_000;

export interface FirePolicy {
  overlap: OverlapPolicy;
  catchUp: CatchUpPolicy;
  /** With `all`: the newest of the missed times that are made up for. */
  maxCatchUp: number;
}

/** Where a schedule stands. Times are milliseconds since the epoch. */
export interface FireState {
  /** The first time that was not dealt with; null: there is none. */
  nextAtMs: number | null;
  /** With `queue_one`: the time whose run waits for the last run to end. */
  pendingAtMs: number | null;
  /** The newest run there is, whether or not the schedule's row knows of it. */
  last: { firedAtMs: number; open: boolean } | null;
}

export interface FirePlan {
  /** To be started now, oldest first. */
  startMs: number[];
  /** Given up because of the overlap policy. */
  skippedMs: number[];
  pendingAtMs: number | null;
  nextAtMs: number | null;
}

/** What is to be done now. The same state and runs give the same plan, so that a plan cut short is simply made again. */
export function planFires(policy: FirePolicy, times: FireTimes, state: FireState, nowMs: number): FirePlan {
  const isDue = state.nextAtMs !== null && state.nextAtMs <= nowMs;
  const due = isDue ? dueTimes(policy, times, state.nextAtMs as number, nowMs) : [];
  const nextAtMs = isDue ? times.nextAfter(nowMs) : state.nextAtMs;
  return { ...decideOverlap(policy.overlap, state, due), nextAtMs };
}

/** Of the times from `fromMs` to now, those to fire: what is on time always, what was missed as the policy says. */
export function dueTimes({ catchUp, maxCatchUp }: Omit<FirePolicy, 'overlap'>, times: FireTimes, fromMs: number, nowMs: number): number[] {
  const onTimeFromMs = Math.max(fromMs, nowMs - ON_TIME_MS);
  const onTime = timesBetween(times, onTimeFromMs, nowMs);
  if (onTimeFromMs === fromMs) return onTime;
  const missed = (count: number) => newestTimes(times, fromMs, onTimeFromMs - 1, count);
  switch (catchUp) {
    case 'none': return onTime;
    case 'last': return onTime.length > 0 ? onTime : missed(1);
    case 'all': return [...missed(maxCatchUp), ...onTime];
    default: return assertNever(catchUp);
  }
}

/**
 * Which of the due times start a run, wait or are skipped. Where runs may not overlap, a time up to the newest run's is
 * done with: its run was made before a crash kept the schedule's row from saying so.
 */
export function decideOverlap(
  policy: OverlapPolicy, { pendingAtMs, last }: Pick<FireState, 'pendingAtMs' | 'last'>, due: readonly number[],
): Omit<FirePlan, 'nextAtMs'> {
  const all = pendingAtMs === null ? [...due] : [pendingAtMs, ...due];
  const open = last?.open ?? false;
  const fresh = all.filter((atMs) => atMs > (last?.firedAtMs ?? -Infinity));
  switch (policy) {
    case 'allow': return { startMs: all, skippedMs: [], pendingAtMs: null };
    case 'skip': {
      const startMs = open ? [] : fresh.slice(0, 1);
      return { startMs, skippedMs: fresh.slice(startMs.length), pendingAtMs: null };
    }
    case 'queue_one': {
      const startMs = open ? [] : fresh.slice(0, 1);
      const [waiting = null, ...skippedMs] = fresh.slice(startMs.length);
      return { startMs, skippedMs, pendingAtMs: waiting };
    }
    default: return assertNever(policy);
  }
}
