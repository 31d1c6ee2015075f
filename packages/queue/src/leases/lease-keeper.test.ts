import { describe, expect, it } from '@jest/globals';
import { Deadline, silentLogger } from '@bullpen/core';

import type { TakenRun } from '../taken-run.ts';
import { LeaseKeeper } from './lease-keeper.ts';
import type { LeaseNews } from './lease-renewal.ts';
import { LeaseTableReader } from './lease-table.ts';

const taken = (runId: string): TakenRun => ({ orgId: 'a', runId, memoryMb: 64, redelivered: false, leaseToken: `t-${runId}` });

/** A keeper whose thread is the test. */
function keeperAlone() {
  const lost: string[] = [];
  const listeners = new Set([(run: TakenRun) => void lost.push(run.runId)]);
  const thread = { hear: (_: LeaseNews): void => undefined, reader: new LeaseTableReader([]), starts: 0, stops: 0 };
  const keeper = new LeaseKeeper({
    leaseMs: 1000,
    log: silentLogger,
    listeners,
    startThread(memory, hear) {
      thread.starts += 1;
      thread.hear = hear;
      thread.reader = new LeaseTableReader(memory);
      return { add: (more) => thread.reader.add(more), stop: async () => void (thread.stops += 1) };
    },
  });
  return { keeper, lost, listeners, thread };
}

describe('the lease keeper', () => {
  it('starts its thread with the first run, shows it what is kept, and stops it', async () => {
    const { keeper, thread } = keeperAlone();
    expect(thread.starts).toBe(0);
    keeper.keep(taken('r1'));
    keeper.keep(taken('r2'));
    keeper.release(taken('r1'));
    keeper.release(taken('r1'));
    expect(thread.starts).toBe(1);
    expect(thread.reader.held().map(({ runId }) => runId)).toEqual(['r2']);
    await keeper.stop(Deadline.in(1000));
    await keeper.stop(Deadline.in(1000));
    expect(thread.stops).toBe(1);
  });

  it('tells once of what is lost, every listener, though one throws', async () => {
    const { keeper, lost, listeners, thread } = keeperAlone();
    const other = [...listeners];
    listeners.clear();
    listeners.add(() => { throw new Error('a listener of the test'); });
    for (const listener of other) listeners.add(listener);
    keeper.keep(taken('r1'));
    thread.hear({ kind: 'lost', lease: taken('r1') });
    thread.hear({ kind: 'lost', lease: taken('r1') });
    expect(lost).toEqual(['r1']);
    expect(thread.reader.held()).toEqual([]);
    await keeper.stop(Deadline.in(1000));
  });

  it('does not call a run lost that was released, or is being let go of', async () => {
    const { keeper, lost, thread } = keeperAlone();
    keeper.keep(taken('r1'));
    keeper.keep(taken('r2'));
    keeper.release(taken('r1'));
    keeper.leave(taken('r2'));
    for (const runId of ['r1', 'r2']) thread.hear({ kind: 'lost', lease: taken(runId) });
    expect(lost).toEqual([]);
    expect(thread.reader.held().map(({ runId }) => runId)).toEqual(['r2']);
    await keeper.stop(Deadline.in(1000));
  });
});
