import { describe, expect, it } from '@jest/globals';

import { RESOLVE_AFTER_MS, stepAlert, type OpenAlert } from './alert-state.ts';

const above = (nowMs: number) => ({ value: 2, threshold: 1, forMs: 60_000, nowMs });
const below = (nowMs: number) => ({ ...above(nowMs), value: 1 });
const pending: OpenAlert = { state: 'pending', startedAtMs: 0, belowSinceMs: null };
const firing: OpenAlert = { state: 'firing', startedAtMs: 0, belowSinceMs: null };

describe('an alert', () => {
  it('begins above its threshold, and fires after its time', () => {
    expect(stepAlert(null, below(0))).toEqual({ kind: 'none' });
    expect(stepAlert(null, above(0))).toEqual({ kind: 'opened', state: 'pending' });
    expect(stepAlert(pending, above(59_999))).toEqual({ kind: 'kept', belowSinceMs: null });
    expect(stepAlert(pending, above(60_000))).toEqual({ kind: 'fired' });
    expect(stepAlert(null, { ...above(0), forMs: 0 })).toEqual({ kind: 'opened', state: 'firing' });
  });

  it('leaves nothing behind when it is over before it fires', () => {
    expect(stepAlert(pending, below(30_000))).toEqual({ kind: 'dropped' });
  });

  it('is resolved when it has been below for a while, not when it dips', () => {
    expect(stepAlert(firing, below(100))).toEqual({ kind: 'kept', belowSinceMs: 100 });
    expect(stepAlert({ ...firing, belowSinceMs: 100 }, below(100 + RESOLVE_AFTER_MS - 1))).toEqual({ kind: 'kept', belowSinceMs: 100 });
    expect(stepAlert({ ...firing, belowSinceMs: 100 }, above(200))).toEqual({ kind: 'kept', belowSinceMs: null });
    expect(stepAlert({ ...firing, belowSinceMs: 100 }, below(100 + RESOLVE_AFTER_MS))).toEqual({ kind: 'resolved' });
  });

  it('fires once and is resolved once while its value wavers', () => {
    let open: OpenAlert | null = null;
    const said: string[] = [];
    for (let nowMs = 0; nowMs <= 600_000; nowMs += 10_000) {
      const wavering = nowMs < 120_000 || (nowMs < 300_000 && (nowMs / 10_000) % 2 === 0);
      const step = stepAlert(open, wavering ? above(nowMs) : below(nowMs));
      if (step.kind === 'opened') open = { state: step.state, startedAtMs: nowMs, belowSinceMs: null };
      if (step.kind === 'fired' && open !== null) open = { ...open, state: 'firing' };
      if (step.kind === 'kept' && open !== null) open = { ...open, belowSinceMs: step.belowSinceMs };
      if (step.kind === 'resolved' || step.kind === 'dropped') open = null;
      if (step.kind === 'fired' || step.kind === 'resolved') said.push(step.kind);
    }
    expect(said).toEqual(['fired', 'resolved']);
  });
});
