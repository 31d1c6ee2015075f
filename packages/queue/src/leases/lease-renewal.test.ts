import { describe, expect, it } from '@jest/globals';

import { LeaseRenewal, MAX_SILENT_LEASES, type LeaseNews } from './lease-renewal.ts';
import { LeaseTable, LeaseTableReader } from './lease-table.ts';

const LEASE_MS = 1000;
const lease = (orgId: string, runId: string) => ({ orgId, runId, leaseToken: `t-${runId}` });

/** A renewal whose queue answers with `extend`, at a time of its own. */
function renewalOver(extend: (orgId: string, runIds: string[]) => Promise<string[]>) {
  const table = new LeaseTable();
  const news: LeaseNews[] = [];
  const time = { nowMs: 0 };
  const renewal = new LeaseRenewal({
    reader: new LeaseTableReader(table.memory),
    extender: { extendLeases: extend },
    leaseMs: LEASE_MS,
    clock: { monotonicMs: () => time.nowMs },
    tell: (told) => news.push(told),
  });
  return { table, news, time, renewal };
}

describe('the renewal of leases', () => {
  it('is one call per organization, and tells what is lost', async () => {
    const calls: string[] = [];
    const { table, news, renewal } = renewalOver(async (orgId, runIds) => {
      calls.push(`${orgId}: ${[...runIds].sort().join(' ')}`);
      return runIds.filter((runId) => runId === 'r2');
    });
    for (const one of [lease('a', 'r1'), lease('a', 'r2'), lease('b', 'r3')]) table.hold(one);
    await renewal.renew();
    expect(calls.sort()).toEqual(['a: r1 r2', 'b: r3']);
    expect(news).toEqual([{ kind: 'lost', lease: lease('a', 'r2') }]);
  });

  it('counts nothing as lost while the queue cannot be reached, nor because one organization fails', async () => {
    const { table, news, renewal } = renewalOver(async (orgId, runIds) => {
      if (orgId === 'a') throw new Error('away');
      return runIds;
    });
    table.hold(lease('a', 'r1'));
    table.hold(lease('b', 'r2'));
    await renewal.renew();
    expect(news).toEqual(expect.arrayContaining([
      { kind: 'log', level: 'warn', facts: { orgId: 'a', runs: 1, error: 'Error: away' }, event: 'queue.renew_failed' },
      { kind: 'lost', lease: lease('b', 'r2') },
    ]));
    expect(news).toHaveLength(2);
  });

  it('stops when the main thread has been silent too long, says so once, and goes on when it is back', async () => {
    let renewals = 0;
    const { table, news, time, renewal } = renewalOver(async () => {
      renewals += 1;
      return [];
    });
    table.hold(lease('a', 'r1'));
    time.nowMs = MAX_SILENT_LEASES * LEASE_MS;
    await renewal.renew();
    expect(renewals).toBe(1);
    time.nowMs += 1;
    await renewal.renew();
    await renewal.renew();
    expect(renewals).toBe(1);
    expect(news).toEqual([{ kind: 'log', level: 'error', facts: { runs: 1 }, event: 'queue.main_thread_is_silent' }]);
    table.signOfLife();
    await renewal.renew();
    expect(renewals).toBe(2);
  });
});
