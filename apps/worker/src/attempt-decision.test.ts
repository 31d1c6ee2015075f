import { describe, expect, it } from '@jest/globals';
import type { AttemptOutcome, KillReceipt, RunUsage } from '@bullpen/core';
import type { ClaimedRun } from '@bullpen/db';

import { decideAttempt } from './attempt-decision.ts';

const usage: RunUsage = { wallMs: 1, cpuMs: 1, peakHeapMb: 1, peakExternalMb: 0, gbSeconds: 0 };
const backoff = { baseMs: 100, maxMs: 1000, jitter: false };
const claimed = (attempt: number, maxAttempts: number) => ({ attempt, maxAttempts, backoff }) as ClaimedRun;
const failure = (retryable: boolean): AttemptOutcome => ({
  kind: 'failed', state: 'timed_out', error: { code: 'TIMED_OUT', message: 'too long' }, retryable, usage,
});
const decide = (run: ClaimedRun, outcome: AttemptOutcome) => decideAttempt(run, outcome, () => 0.5);

describe('what follows from an attempt', () => {
  it('records a success with its result', () => {
    expect(decide(claimed(1, 3), { kind: 'succeeded', resultJson: '{}', usage })).toEqual({ kind: 'finish', state: 'succeeded', resultJson: '{}', error: null, usage, kill: null });
  });

  it('retries a failure that may pass, with backoff by attempt', () => {
    expect(decide(claimed(2, 3), failure(true))).toMatchObject({ kind: 'retry', delayMs: 200 });
  });

  it('ends with the state of the failure when attempts are used up, or retrying cannot help', () => {
    expect(decide(claimed(3, 3), failure(true))).toMatchObject({ kind: 'finish', state: 'timed_out', resultJson: null });
    expect(decide(claimed(1, 3), failure(false))).toMatchObject({ kind: 'finish', state: 'timed_out' });
  });

  it('ends a cancelled run and gives back one that the worker let go of', () => {
    expect(decide(claimed(1, 3), { kind: 'interrupted', reason: 'cancelled', usage })).toMatchObject({ kind: 'finish', state: 'cancelled', error: { code: 'CANCELLED' } });
    for (const reason of ['shutdown', 'lease_lost', 'cell_lost', 'pool_pressure'] as const) {
      expect(decide(claimed(1, 1), { kind: 'interrupted', reason, usage })).toEqual({ kind: 'release', reason, kill: null });
    }
  });

  it('ends a run whose container an operator killed, for good and with the receipt', () => {
    const kill: KillReceipt = { attempt: 1, by: 'operator', detail: 'asked', requestedAt: '2026-01-01T00:00:00.000Z', signal: 'SIGKILL', deadAt: null, reclaimedMb: 3 };
    expect(decide(claimed(1, 3), { kind: 'interrupted', reason: 'killed', usage, kill })).toMatchObject({ kind: 'finish', state: 'cancelled', error: { code: 'KILLED_BY_OPERATOR' }, kill });
  });
});
