import { describe, expect, it } from '@jest/globals';

import { planQuery, sensibleStepMs } from './query-plan.ts';

const NOW_MS = Date.parse('2026-03-10T14:17:45.000Z');
const at = (text: string) => Date.parse(`2026-${text}Z`);
const ROLLED = { 60: at('03-10T14:17:00'), 3600: at('03-10T14:00:00'), 86_400: at('03-10T00:00:00') };

function plan(request: Partial<Parameters<typeof planQuery>[0]>) {
  return planQuery({ fromMs: NOW_MS - 3_600_000, toMs: NOW_MS, nowMs: NOW_MS, progress: ROLLED, ...request });
}

describe('a window', () => {
  it('of a month is read from days, and from hours of today', () => {
    const { segments, wholeSegments, stepMs, completeUntilMs } = plan({ fromMs: NOW_MS - 30 * 86_400_000 });
    expect(stepMs).toBe(86_400_000);
    expect(segments).toEqual([
      { levelS: 86_400, fromMs: at('02-08T00:00:00'), toMs: at('03-10T00:00:00') },
      { levelS: 3600, fromMs: at('03-10T00:00:00'), toMs: at('03-10T14:00:00') },
    ]);
    expect(wholeSegments).toEqual(segments);
    expect(completeUntilMs).toBe(at('03-10T14:00:00'));
  });

  it('of an hour is read from minutes, and the last seconds as they were written', () => {
    expect(plan({}).segments).toEqual([
      { levelS: 60, fromMs: at('03-10T13:17:00'), toMs: at('03-10T14:17:00') },
      { levelS: 10, fromMs: at('03-10T14:17:00'), toMs: at('03-10T14:17:50') },
    ]);
  });

  it('that was never rolled up is read as it was written', () => {
    const { segments, completeUntilMs } = plan({ progress: { 60: 0, 3600: 0, 86_400: 0 }, fromMs: NOW_MS - 86_400_000 });
    expect(segments).toEqual([{ levelS: 10, fromMs: at('03-09T14:15:00'), toMs: at('03-10T14:17:50') }]);
    expect(completeUntilMs).toBe(NOW_MS);
  });

  it('of a week is read by the hour for its series, and by the day for its sums', () => {
    const { segments, wholeSegments } = plan({ fromMs: NOW_MS - 7 * 86_400_000 });
    expect(segments).toEqual([{ levelS: 3600, fromMs: at('03-03T12:00:00'), toMs: at('03-10T14:00:00') }]);
    expect(wholeSegments).toEqual([
      { levelS: 3600, fromMs: at('03-03T12:00:00'), toMs: at('03-04T00:00:00') },
      { levelS: 86_400, fromMs: at('03-04T00:00:00'), toMs: at('03-10T00:00:00') },
      { levelS: 3600, fromMs: at('03-10T00:00:00'), toMs: at('03-10T14:00:00') },
    ]);
  });

  it('has whole steps, each part once, in order and without gaps', () => {
    for (let minutes = 1; minutes < 60_000; minutes = Math.ceil(minutes * 1.7)) {
      for (const stepMs of [undefined, 10_000, 90_000, 300_000, 7_200_000]) {
        const made = plan({ fromMs: NOW_MS - minutes * 60_000 - 1234, stepMs });
        expect(made.fromMs % made.stepMs).toBe(0);
        const ends = [made.segments, made.wholeSegments].map((segments) => segments.reduce((cursorMs, { levelS, fromMs, toMs }) => {
          expect(fromMs).toBe(cursorMs);
          expect([fromMs % (levelS * 1000), toMs % (levelS * 1000)]).toEqual([0, 0]);
          expect(toMs).toBeGreaterThan(fromMs);
          return toMs;
        }, made.fromMs));
        expect(ends[0]).toBe(ends[1]);
        expect(made.segments.every(({ levelS }) => made.stepMs % (levelS * 1000) === 0)).toBe(true);
        expect(NOW_MS - made.completeUntilMs).toBeLessThanOrEqual(made.stepMs / 20);
      }
    }
  });

  it('of the past is not read beyond its end', () => {
    const { segments } = plan({ fromMs: at('03-01T00:00:00'), toMs: at('03-02T00:00:00'), stepMs: 3_600_000 });
    expect(segments).toEqual([{ levelS: 3600, fromMs: at('03-01T00:00:00'), toMs: at('03-02T00:00:00') }]);
  });
});

describe('a step that nobody asked for', () => {
  it('is a usual one', () => {
    expect([60_000, 3_600_000, 86_400_000, 7 * 86_400_000, 30 * 86_400_000, 365 * 86_400_000].map(sensibleStepMs)).toEqual([10_000, 60_000, 900_000, 21_600_000, 86_400_000, 345_600_000]);
  });
});
