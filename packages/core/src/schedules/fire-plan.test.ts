import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';

import { decideOverlap, dueTimes, ON_TIME_MS, planFires, type CatchUpPolicy, type FirePolicy, type FireState } from './fire-plan.ts';
import { nextTimes, scheduleTimes, timesBetween, type ScheduleTiming } from './schedule-times.ts';

const HOUR_MS = 3_600_000;
const timing: ScheduleTiming = { cron: '0 * * * *', timeZone: 'UTC', intervalMs: null, startAt: null, endAt: null, timedAt: '2026-01-01T00:00:00Z' };
const hourly = scheduleTimes(timing);
const noonMs = Date.UTC(2026, 0, 2, 12);

describe('catching up', () => {
  const due = (catchUp: CatchUpPolicy, fromMs: number, nowMs: number, maxCatchUp = 3) =>
    dueTimes({ catchUp, maxCatchUp }, hourly, fromMs, nowMs).map((ms) => (ms - noonMs) / HOUR_MS);

  it('is no matter while the scheduler is on time', () => {
    for (const policy of ['none', 'last', 'all'] as const) {
      expect(due(policy, noonMs, noonMs)).toEqual([0]);
      expect(due(policy, noonMs, noonMs + ON_TIME_MS)).toEqual([0]);
    }
  });

  it('runs nothing of what was missed with `none`, and still what is on time', () => {
    expect(due('none', noonMs - 5 * HOUR_MS, noonMs - 1)).toEqual([]);
    expect(due('none', noonMs - 5 * HOUR_MS, noonMs + 1)).toEqual([0]);
  });

  it('runs once with `last`: what is on time, or else the newest missed', () => {
    expect(due('last', noonMs - 5 * HOUR_MS, noonMs - 1)).toEqual([-1]);
    expect(due('last', noonMs - 5 * HOUR_MS, noonMs + 1)).toEqual([0]);
  });

  it('runs the newest n missed with `all`, and what is on time', () => {
    expect(due('all', noonMs - 5 * HOUR_MS, noonMs - 1)).toEqual([-3, -2, -1]);
    expect(due('all', noonMs - 2 * HOUR_MS, noonMs + 1, 100)).toEqual([-2, -1, 0]);
  });
});

describe('overlap', () => {
  const none = { pendingAtMs: null, last: null };
  const running = { pendingAtMs: null, last: { firedAtMs: 5, open: true } };
  const ended = { pendingAtMs: null, last: { firedAtMs: 5, open: false } };

  it('is allowed with `allow`', () => {
    expect(decideOverlap('allow', running, [10, 20])).toEqual({ startMs: [10, 20], skippedMs: [], pendingAtMs: null });
  });

  it('skips with `skip` while the last run is open, and all but the first of several', () => {
    expect(decideOverlap('skip', running, [10])).toEqual({ startMs: [], skippedMs: [10], pendingAtMs: null });
    expect(decideOverlap('skip', ended, [10, 20, 30])).toEqual({ startMs: [10], skippedMs: [20, 30], pendingAtMs: null });
    expect(decideOverlap('skip', none, [10])).toEqual({ startMs: [10], skippedMs: [], pendingAtMs: null });
  });

  it('keeps one waiting with `queue_one`, the first that had to wait', () => {
    expect(decideOverlap('queue_one', running, [10, 20])).toEqual({ startMs: [], skippedMs: [20], pendingAtMs: 10 });
    expect(decideOverlap('queue_one', { ...running, pendingAtMs: 10 }, [20])).toEqual({ startMs: [], skippedMs: [20], pendingAtMs: 10 });
    expect(decideOverlap('queue_one', { ...ended, pendingAtMs: 10 }, [])).toEqual({ startMs: [10], skippedMs: [], pendingAtMs: null });
    expect(decideOverlap('queue_one', { ...ended, pendingAtMs: 10 }, [20])).toEqual({ startMs: [10], skippedMs: [], pendingAtMs: 20 });
  });

  it('counts what a crash left behind: a run that was made is not made again, nor waited for twice', () => {
    const made = { pendingAtMs: null, last: { firedAtMs: 10, open: true } };
    expect(decideOverlap('queue_one', made, [10, 20])).toEqual({ startMs: [], skippedMs: [], pendingAtMs: 20 });
    expect(decideOverlap('skip', made, [10, 20])).toEqual({ startMs: [], skippedMs: [20], pendingAtMs: null });
  });
});

describe('the plan', () => {
  const policy: FirePolicy = { overlap: 'allow', catchUp: 'all', maxCatchUp: 1000 };

  it('leaves a schedule that is not due where it is', () => {
    const state: FireState = { nextAtMs: noonMs, pendingAtMs: null, last: null };
    expect(planFires(policy, hourly, state, noonMs - 1)).toEqual({ startMs: [], skippedMs: [], pendingAtMs: null, nextAtMs: noonMs });
    expect(planFires(policy, hourly, { ...state, nextAtMs: null }, noonMs)).toMatchObject({ startMs: [], nextAtMs: null });
  });

  it('has no next time once the schedule has ended', () => {
    const ending = scheduleTimes({ ...timing, endAt: new Date(noonMs + 1).toISOString() });
    expect(planFires(policy, ending, { nextAtMs: noonMs, pendingAtMs: null, last: null }, noonMs)).toEqual({ startMs: [noonMs], skippedMs: [], pendingAtMs: null, nextAtMs: null });
  });

  const timings = fc.oneof(
    fc.record({ cron: fc.constantFrom('*/5 * * * *', '0 * * * *', '30 2 * * *', '15,45 1-3 * * *', '0 0 L * *'), timeZone: fc.constantFrom('UTC', 'Europe/Berlin', 'America/New_York') }),
    fc.record({ intervalMs: fc.integer({ min: 30_000, max: 50 * HOUR_MS }) }),
  ).map((rule) => ({ ...timing, cron: null, timeZone: null, ...rule }));
  const starts = fc.constantFrom('2026-03-28T12:00:00Z', '2026-10-24T12:00:00Z', '2026-03-07T12:00:00Z', '2026-10-31T12:00:00Z').map(Date.parse);
  /** How long until the next turn, and where that turn dies: before it starts a run, between runs and row, or not. */
  const turns = fc.array(fc.record({
    afterMs: fc.oneof(fc.integer({ min: 1, max: 90_000 }), fc.integer({ min: 1, max: 9 * HOUR_MS })),
    dies: fc.constantFrom('no', 'no', 'no', 'before', 'between', 'halfway'),
  }), { minLength: 1, maxLength: 25 });

  it('fires every time once and in order, whatever restarts and crashes come between', () => {
    fc.assert(fc.property(timings, starts, turns, (given, startMs, steps) => {
      const times = scheduleTimes(given);
      // What the runs' idempotency keys do in Postgres: the second insert of a time changes nothing.
      const fired = new Set<number>();
      let state: FireState = { nextAtMs: times.nextAfter(startMs), pendingAtMs: null, last: null };
      let nowMs = startMs;
      for (const { afterMs, dies } of [...steps, { afterMs: 1, dies: 'no' }]) {
        nowMs += afterMs;
        const plan = planFires({ ...policy, maxCatchUp: 1_000_000 }, times, state, nowMs);
        expect(plan.startMs).toEqual([...new Set(plan.startMs)].sort((a, b) => a - b));
        const made = dies === 'before' ? [] : dies === 'halfway' ? plan.startMs.slice(0, plan.startMs.length / 2) : plan.startMs;
        for (const atMs of made) fired.add(atMs);
        if (dies === 'no') state = { ...state, nextAtMs: plan.nextAtMs, pendingAtMs: plan.pendingAtMs };
      }
      const expected = timesBetween(times, startMs + 1, nowMs);
      expect([...fired].sort((a, b) => a - b)).toEqual(expected);
      expect(expected).toEqual(nextTimes(times, startMs, expected.length));
    }), { numRuns: 120 });
  });

  it('never has two runs open with `skip` or `queue_one`, nor starts one time twice, across crashes', () => {
    const overlaps = fc.constantFrom('skip', 'queue_one');
    const ends = fc.array(fc.boolean(), { minLength: 25, maxLength: 25 });
    fc.assert(fc.property(overlaps, timings, starts, turns, ends, (overlap, given, startMs, steps, endings) => {
      const times = scheduleTimes(given);
      const started: number[] = [];
      let open = false;
      let state: FireState = { nextAtMs: times.nextAfter(startMs), pendingAtMs: null, last: null };
      let nowMs = startMs;
      steps.forEach(({ afterMs, dies }, step) => {
        nowMs += afterMs;
        if (endings[step] === true) open = false;
        const newest = started.at(-1);
        const last = newest === undefined ? null : { firedAtMs: newest, open };
        const plan = planFires({ ...policy, overlap }, times, { ...state, last }, nowMs);
        if (dies !== 'before' && plan.startMs.length > 0) {
          expect(open).toBe(false);
          expect(plan.startMs).toHaveLength(1);
          expect(plan.startMs[0]).toBeGreaterThan(newest ?? -Infinity);
          started.push(...plan.startMs);
          open = true;
        }
        if (dies === 'no') state = { ...state, nextAtMs: plan.nextAtMs, pendingAtMs: plan.pendingAtMs };
      });
    }), { numRuns: 200 });
  });
});
