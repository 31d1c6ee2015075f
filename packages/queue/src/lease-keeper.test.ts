import { describe, expect, it } from '@jest/globals';
import { silentLogger } from '@bullpen/core';

import type { JobStore } from './job-store.ts';
import { LeaseKeeper } from './lease-keeper.ts';
import type { TakenRun } from './taken-run.ts';

const taken = (orgId: string, runId: string): TakenRun => ({ orgId, runId, memoryMb: 64, redelivered: false, leaseToken: `t-${runId}` });

/** A keeper whose queue answers with `extend`. */
function keeperOver(extend: (orgId: string, runIds: string[]) => Promise<string[]>) {
  const lost: string[] = [];
  const listeners = new Set([(run: TakenRun) => void lost.push(run.runId)]);
  const jobs = { extendLeases: extend } as unknown as JobStore;
  return { keeper: new LeaseKeeper({ jobs, leaseMs: 1000, log: silentLogger, listeners }), lost, listeners };
}

describe('the lease keeper', () => {
  it('renews with one call per organization and tells once of what is lost', async () => {
    const calls: string[] = [];
    const { keeper, lost } = keeperOver(async (orgId, runIds) => {
      calls.push(`${orgId}: ${runIds.join(' ')}`);
      return runIds.filter((runId) => runId === 'r2');
    });
    for (const run of [taken('a', 'r1'), taken('a', 'r2'), taken('b', 'r3')]) keeper.keep(run);
    await keeper.renew();
    await keeper.renew();
    expect(calls).toEqual(['a: r1 r2', 'b: r3', 'a: r1', 'b: r3']);
    expect(lost).toEqual(['r2']);
  });

  it('loses nothing while the queue cannot be reached, nor because one organization fails', async () => {
    const { keeper, lost } = keeperOver(async (orgId, runIds) => {
      if (orgId === 'a') throw new Error('away');
      return runIds;
    });
    keeper.keep(taken('a', 'r1'));
    keeper.keep(taken('b', 'r2'));
    await keeper.renew();
    expect(lost).toEqual(['r2']);
  });

  it('does not call a run lost that was released during the renewal', async () => {
    const run = taken('a', 'r1');
    const { keeper, lost } = keeperOver(async (_, runIds) => {
      keeper.release(run);
      return runIds;
    });
    keeper.keep(run);
    await keeper.renew();
    expect(lost).toEqual([]);
  });

  it('tells every listener, though one throws', async () => {
    const { keeper, lost, listeners } = keeperOver(async (_, runIds) => runIds);
    const other = [...listeners];
    listeners.clear();
    listeners.add(() => { throw new Error('a listener of the test'); });
    for (const listener of other) listeners.add(listener);
    keeper.keep(taken('a', 'r1'));
    await keeper.renew();
    expect(lost).toEqual(['r1']);
  });
});
