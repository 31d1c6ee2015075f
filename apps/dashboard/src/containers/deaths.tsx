import type { ContainerDeath } from '@bullpen/core';
import type { ReactNode } from 'react';

import { formatCount } from '../format/quantity.ts';
import type { ContainerGroup } from './container-groups.ts';

export const DEATH_WORDS: Readonly<Record<ContainerDeath, string>> = {
  idle: 'idle', recycled: 'recycled', leaking: 'leaking', timed_out: 'timed out', out_of_memory: 'out of memory', cancelled: 'cancelled', killed: 'killed',
  exited: 'exited', crashed: 'crashed', evicted: 'evicted', shutdown: 'shutdown',
};

/** How containers died since their workers started: `Died: 12 idle, 1 out of memory`. */
export function Deaths({ deaths }: { deaths: ContainerGroup['deaths'] }): ReactNode {
  const counts = (Object.entries(deaths) as [ContainerDeath, number][]).toSorted((a, b) => b[1] - a[1]);
  if (counts.length === 0) return null;
  return <span className="deaths" title="Since the workers started">died: {counts.map(([reason, count]) => `${formatCount(count)} ${DEATH_WORDS[reason]}`).join(', ')}</span>;
}
