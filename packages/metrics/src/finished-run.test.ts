import { describe, expect, it } from '@jest/globals';
import type { RunSummary } from '@bullpen/core';

import { finishedRunOf } from './finished-run.ts';

const run = {
  orgId: 'acme', id: 'run_1', agent: 'echo', version: 1, state: 'expired', error: { code: 'EXPIRED', message: 'too late' }, usage: null,
  queuedAt: '2026-01-01T00:00:00.000Z', notBefore: '2026-01-01T00:00:02.000Z', finishedAt: '2026-01-01T00:00:05.000Z',
} as RunSummary;

describe('a finished run out of its row', () => {
  it('waited from when it could have begun', () => {
    expect(finishedRunOf(run)).toMatchObject({ runId: 'run_1', state: 'expired', errorCode: 'EXPIRED', queueWaitMs: 3000 });
  });

  it('waited no less than not at all when it was cancelled before its time', () => {
    expect(finishedRunOf({ ...run, state: 'cancelled', finishedAt: '2026-01-01T00:00:01.000Z' })).toMatchObject({ queueWaitMs: 0 });
  });

  it('is none before it has ended', () => {
    expect(finishedRunOf({ ...run, state: 'queued', finishedAt: null })).toBeNull();
  });
});
