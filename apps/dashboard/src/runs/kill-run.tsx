import type { RunSummary } from '@bullpen/core';
import type { ReactNode } from 'react';

import { killRun } from '../api/admin-api.ts';
import { ConfirmedAction } from './confirmed-action.tsx';

/** For a run that a cancel does not end soon enough: ends its container, without the grace that a cancel leaves it. */
export function KillRun({ run }: { run: RunSummary }): ReactNode {
  if (run.state !== 'running') return null;
  return (
    <ConfirmedAction
      act={() => killRun(run.orgId, run.id)}
      told={() => 'Its worker was told to kill the container.'}
      button="Kill container"
      question="Kill its container now? The run ends as cancelled, and nothing it does is waited for."
      yes="Yes, kill it"
      acting="Killing…"
      no="Let it run"
      failed="Not killed."
    />
  );
}
