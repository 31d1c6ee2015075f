import { describe, expect, it } from '@jest/globals';
import { silentLogger, systemClock } from '@bullpen/core';

import { Adjuster } from './adjuster.ts';
import type { Adjustment } from './ready-set.ts';

const ended = (orgId: string): Adjustment => ({ orgId, chargeSeconds: 1, freedMb: 0, next: { kind: 'ended' } });

/** An adjuster, and the batches that it brought. */
function adjusterWith(brought: string[][]): Adjuster {
  const adjust = async (batch: readonly Adjustment[]): Promise<void> => { brought.push(batch.map(({ orgId }) => orgId)); };
  return new Adjuster({ readySet: { adjust } as never, clock: systemClock, log: silentLogger });
}

describe('the adjuster', () => {
  it('brings everything in order, however it is gathered', async () => {
    const brought: string[][] = [];
    const adjuster = adjusterWith(brought);
    await Promise.all([adjuster.add(ended('a')), adjuster.add(ended('b')), adjuster.add(ended('c'))]);
    expect(brought.flat()).toEqual(['a', 'b', 'c']);
  });

  it('goes on after it was asked to bring nothing', async () => {
    const brought: string[][] = [];
    const adjuster = adjusterWith(brought);
    await adjuster.add();
    await adjuster.add(ended('a'));
    await adjuster.settled();
    expect(brought).toEqual([['a']]);
  });
});
