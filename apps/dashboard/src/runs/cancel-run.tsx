import type { RunSummary } from '@bullpen/core';
import type { ReactNode } from 'react';

import { cancelRun } from '../api/admin-api.ts';
import { ConfirmedAction } from './confirmed-action.tsx';
import { STATE_VIEWS } from './run-states.ts';

/** Asks once more before it cancels, and says what came of it. */
export function CancelRun({ run }: { run: RunSummary }): ReactNode {
  if (STATE_VIEWS[run.state].terminal) return null;
  return (
    <ConfirmedAction
      act={() => cancelRun(run.orgId, run.id)}
      told={({ state }) => (STATE_VIEWS[state].terminal ? `The run is ${STATE_VIEWS[state].label}.` : 'Cancel requested: its worker is ending the run.')}
      button="Cancel run"
      question="Cancel this run for good?"
      yes="Yes, cancel it"
      acting="Cancelling…"
      no="Keep it"
      failed="Not cancelled."
    />
  );
}
