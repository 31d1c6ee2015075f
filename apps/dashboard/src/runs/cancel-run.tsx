import type { RunSummary } from '@bullpen/core';
import { useMutation, useQueryClient } from '@tanstack/react-query';
import { useState, type ReactNode } from 'react';

import { cancelRun } from '../api/admin-api.ts';
import { STATE_VIEWS } from './run-states.ts';

/** Asks once more before it cancels, and says what came of it. */
export function CancelRun({ run }: { run: RunSummary }): ReactNode {
  const [asking, setAsking] = useState(false);
  const queries = useQueryClient();
  const cancel = useMutation({
    mutationFn: () => cancelRun(run.orgId, run.id),
    networkMode: 'always',
    onSettled: () => queries.invalidateQueries({ queryKey: ['status'] }),
  });
  if (STATE_VIEWS[run.state].terminal) return null;
  if (cancel.isSuccess) {
    const ended = STATE_VIEWS[cancel.data.state].terminal;
    return <p className="cancel" role="status">{ended ? `The run is ${STATE_VIEWS[cancel.data.state].label}.` : 'Cancel requested: its worker is ending the run.'}</p>;
  }
  return (
    <div className="cancel">
      {asking
        ? (
          <>
            <span>Cancel this run for good?</span>
            <button type="button" className="button danger" disabled={cancel.isPending} onClick={() => cancel.mutate()}>{cancel.isPending ? 'Cancelling…' : 'Yes, cancel it'}</button>
            <button type="button" className="button" disabled={cancel.isPending} onClick={() => setAsking(false)}>Keep it</button>
          </>
        )
        : <button type="button" className="button" onClick={() => setAsking(true)}>Cancel run</button>}
      {cancel.error !== null && <p role="alert" className="marked">Not cancelled. {cancel.error.message}</p>}
    </div>
  );
}
