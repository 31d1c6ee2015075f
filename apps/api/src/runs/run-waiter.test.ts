import { describe, expect, it } from '@jest/globals';
import type { Run } from '@bullpen/core';
import type { Database } from '@bullpen/db';
import type { LiveBus } from '@bullpen/queue';

import { RunWaiter } from './run-waiter.ts';

const first = { id: 'run_1', orgId: 'acme', state: 'queued', attempt: 0, agent: 'echo', tags: ['t'] } as unknown as Run;
const end = {
  state: 'succeeded', attempt: 1, workerId: 'wkr_1', claimedAt: '2026-01-01T00:00:00.000Z', startedAt: null, finishedAt: '2026-01-01T00:00:00.002Z',
  result: 7, error: null, usage: null, kill: null,
} as const;

function waiterHearing(message: object, db: Partial<Database> = {}): RunWaiter {
  const bus = {
    subscribe: async (_pattern: string, listener: (data: unknown) => void) => {
      setImmediate(() => listener(message));
      return async () => undefined;
    },
  } as unknown as LiveBus;
  return new RunWaiter({ db: db as Database, bus }, 'acme', 'run_1');
}

const change = { state: 'succeeded', attempt: 1, at: end.finishedAt };

describe('waiting for a run', () => {
  it('takes its end from the message that tells of it, and reads nothing then', async () => {
    const waiter = await waiterHearing({ kind: 'state', change, end }).open();
    expect(await waiter.wait(5000, new AbortController().signal, first)).toEqual({ ...first, ...end });
  });

  it('reads the row where the message does not have the end, or one that is none', async () => {
    const row = { ...first, state: 'failed' };
    const db = { tenant: async () => [row] } as unknown as Partial<Database>;
    for (const message of [{ kind: 'state', change }, { kind: 'state', change, end: { ...end, attempt: 'one' } }]) {
      const waiter = await waiterHearing(message, db).open();
      expect(await waiter.wait(1500, new AbortController().signal, first)).toEqual(row);
    }
  });
});
