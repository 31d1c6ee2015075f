import type { RunSummary } from '@bullpen/core';
import { useMutation, useQueryClient } from '@tanstack/react-query';
import { useState, type ReactNode } from 'react';

import { killRun } from '../api/admin-api.ts';

/** For a run that a cancel does not end soon enough: ends its container, without the grace that a cancel leaves it. */
export function KillRun({ run }: { run: RunSummary }): ReactNode {
  const [asking, setAsking] = useState(false);
  const queries = useQueryClient();
  const kill = useMutation({
    mutationFn: () => killRun(run.orgId, run.id),
    networkMode: 'always',
    onSettled: () => queries.invalidateQueries({ queryKey: ['status'] }),
  });
  if (run.state !== 'running') return null;
  if (kill.isSuccess) return <p className="cancel" role="status">Its worker was told to kill the container.</p>;
  return (
    <div className="cancel">
      {asking
        ? (
          <>
            <span>Kill its container now? The run ends as cancelled, and nothing it does is waited for.</span>
            <button type="button" className="button danger" disabled={kill.isPending} onClick={() => kill.mutate()}>{kill.isPending ? 'Killing…' : 'Yes, kill it'}</button>
            <button type="button" className="button" disabled={kill.isPending} onClick={() => setAsking(false)}>Let it run</button>
          </>
        )
        : <button type="button" className="button" onClick={() => setAsking(true)}>Kill container</button>}
      {kill.error !== null && <p role="alert" className="marked">Not killed. {kill.error.message}</p>}
    </div>
  );
}
