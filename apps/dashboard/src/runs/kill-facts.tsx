import type { KillReceipt } from '@bullpen/core';
import type { ReactNode } from 'react';

import { Fact } from '../board/section.tsx';
import { Ago } from '../clock/times.tsx';
import { formatDuration } from '../format/duration.ts';
import { formatMb } from '../format/quantity.ts';

const BY_WORDS: Readonly<Record<KillReceipt['by'], string>> = {
  deadline: 'its deadline', limit: 'a limit', cancel: 'a cancel', operator: 'an operator', pool_pressure: 'a full memory pool', shutdown: 'a stopping worker',
  lease_lost: 'a lost lease', cell_lost: 'a lost cell', fault: 'a fault',
};

/** The receipt of a kill: who asked, how it was done, how long it took, and what came back. */
export function KillFacts({ kill }: { kill: KillReceipt | null }): ReactNode {
  if (kill === null) return null;
  const tookMs = kill.deadAt === null ? null : Date.parse(kill.deadAt) - Date.parse(kill.requestedAt);
  return (
    <>
      <h3>Kill <span className="note">of attempt {kill.attempt}</span></h3>
      <dl className="facts">
        <Fact name="By">{BY_WORDS[kill.by]}</Fact>
        <Fact name="Why">{kill.detail}</Fact>
        <Fact name="Requested"><Ago at={kill.requestedAt} /></Fact>
        <Fact name="Signal"><code>{kill.signal}</code></Fact>
        <Fact name="Dead after">{tookMs === null ? 'still there when the run was recorded' : formatDuration(tookMs)}</Fact>
        <Fact name="Reclaimed">{formatMb(kill.reclaimedMb)}</Fact>
      </dl>
    </>
  );
}
