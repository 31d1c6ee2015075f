import { describe, expect, it } from '@jest/globals';
import type { ClaimedRun } from '@bullpen/db';

import { runEndOf, type Recorded } from './run-end.ts';

const run = { attempt: 1, lease: 1, claimedAtMs: 1000 } as ClaimedRun;
const finished = (change: Partial<Recorded & { kind: 'finish' }> = {}): Recorded => ({
  kind: 'finish', state: 'succeeded', resultJson: '{"a":1}', error: null, usage: null, kill: null, startedAtMs: 1500, finishedAtMs: 2000, ...change,
});

describe('the end of a run, for those who wait for it', () => {
  it('is what was written to its row', () => {
    expect(runEndOf(run, 'wkr_1', finished())).toEqual({
      state: 'succeeded', attempt: 1, workerId: 'wkr_1', error: null, usage: null, kill: null, result: { a: 1 },
      claimedAt: '1970-01-01T00:00:01.000Z', startedAt: '1970-01-01T00:00:01.500Z', finishedAt: '1970-01-01T00:00:02.000Z',
    });
    expect(runEndOf(run, 'wkr_1', finished({ resultJson: null, startedAtMs: null }))).toMatchObject({ result: null, startedAt: null });
  });

  it('is to be read from the row where it is large, not the end, or not all that the row has', () => {
    expect(runEndOf(run, 'wkr_1', finished({ resultJson: JSON.stringify('x'.repeat(3000)) }))).toBeUndefined();
    expect(runEndOf(run, 'wkr_1', finished({ error: { code: 'X', message: 'm', stack: 'x'.repeat(3000) } }))).toBeUndefined();
    expect(runEndOf(run, 'wkr_1', { kind: 'release', reason: 'shutdown', kill: null })).toBeUndefined();
    expect(runEndOf({ ...run, lease: 2 }, 'wkr_1', finished())).toBeUndefined();
  });
});
