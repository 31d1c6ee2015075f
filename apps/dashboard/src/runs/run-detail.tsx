import type { RunSummary } from '@bullpen/core';
import { useState, type ReactNode } from 'react';

import { Empty, Fact } from '../board/section.tsx';
import { Ago } from '../clock/times.tsx';
import { formatDuration } from '../format/duration.ts';
import { formatCount, formatDecimal, formatMb, plural } from '../format/quantity.ts';
import { BoardLink } from '../location/board-link.tsx';
import { CancelRun } from './cancel-run.tsx';
import { KillFacts } from './kill-facts.tsx';
import { KillRun } from './kill-run.tsx';
import { RunStateBadge } from './run-state-badge.tsx';
import { queueWait, runDuration } from './run-timing.ts';
import { RunTimeline } from './run-timeline.tsx';
import { SpanText } from './spans.tsx';

interface RunDetailProps {
  orgId: string;
  runId: string;
  runs: readonly RunSummary[];
  /** The organization whose detail the reader came from. */
  backTo: string | null;
}

export function RunDetail({ orgId, runId, runs, backTo }: RunDetailProps): ReactNode {
  const listed = runs.find((run) => run.id === runId && run.orgId === orgId);
  // The list holds the newest runs only: one that is being read stays open after it has left the list.
  const [seen, setSeen] = useState(listed);
  if (listed !== undefined && listed !== seen) setSeen(listed);
  const run = listed ?? seen;
  if (run === undefined) return <NotListed orgId={orgId} runId={runId} />;
  return (
    <>
      {backTo !== null && <p><BoardLink to={{ run: null }}>← {backTo}</BoardLink></p>}
      <p className="run-line">
        <RunStateBadge state={run.state} /> <BoardLink to={{ org: run.orgId, run: null }}>{run.orgId}</BoardLink> <span>{run.agent}<span className="muted">@{run.version}</span></span>
      </p>
      {listed === undefined && <p className="hint" role="status">This run has left the list of recent runs; below is how it was last seen.</p>}
      <CancelRun run={run} />
      <KillRun run={run} />
      <Failure run={run} />
      <h3>Timeline</h3>
      <RunTimeline run={run} />
      <Facts run={run} />
      <Usage run={run} />
      <KillFacts kill={run.kill} />
      <Metadata run={run} />
    </>
  );
}

function NotListed({ orgId, runId }: { orgId: string; runId: string }): ReactNode {
  return (
    <Empty title="This run is not among the recent runs">
      <p>The board lists the newest ones only. Its record is kept: <code>GET /v1/runs/{runId}</code> with the header <code>x-bullpen-org: {orgId}</code>.</p>
    </Empty>
  );
}

/** Cancelled and expired runs did not fail; a retry is not the end. */
function titleOfFailure(state: RunSummary['state']): string {
  if (state === 'retrying' || state === 'running' || state === 'queued') return 'Why the attempt before failed';
  return state === 'cancelled' || state === 'expired' ? 'Why it ended' : 'Why it failed';
}

function Failure({ run: { error, state } }: { run: RunSummary }): ReactNode {
  if (error === null) return null;
  return (
    <div className="failure">
      <h3>{titleOfFailure(state)}</h3>
      <p><code>{error.code}</code></p>
      <p className="failure-message">{error.message}</p>
      {error.stack !== undefined && <pre tabIndex={0} role="region" aria-label="Stack of the error">{error.stack}</pre>}
    </div>
  );
}

function Facts({ run }: { run: RunSummary }): ReactNode {
  return (
    <dl className="facts">
      <Fact name="Id"><code className="whole-id">{run.id}</code></Fact>
      <Fact name="Attempt">{run.attempt} of {run.maxAttempts}</Fact>
      <Fact name="Queue wait"><SpanText span={queueWait(run)} /></Fact>
      <Fact name="Duration"><SpanText span={runDuration(run)} /></Fact>
      <Fact name="Limits">{formatDuration(run.timeoutMs)}, {formatMb(run.memoryMb)}</Fact>
      {Object.entries(run.limits).map(([name, value]) => <Fact key={name} name={`Limit: ${name}`}>{formatCount(value)}</Fact>)}
      <Fact name="Tier">{run.tier}</Fact>
      {run.notBefore !== null && <Fact name="Not before"><Ago at={run.notBefore} /></Fact>}
      {run.expiresAt !== null && <Fact name="Expires in the queue"><Ago at={run.expiresAt} /></Fact>}
      {run.traceId !== null && <Fact name="Trace"><code className="whole-id">{run.traceId}</code></Fact>}
      <Fact name="Worker">{run.workerId === null ? 'none yet' : <code className="whole-id">{run.workerId}</code>}</Fact>
    </dl>
  );
}

function Usage({ run: { usage, memoryMb } }: { run: RunSummary }): ReactNode {
  if (usage === null) return null;
  return (
    <>
      <h3>Usage <span className="note">of the last attempt</span></h3>
      <dl className="facts">
        <Fact name="Wall time">{formatDuration(usage.wallMs)}</Fact>
        <Fact name="CPU time">{formatDuration(usage.cpuMs)}</Fact>
        <Fact name="Peak heap">{formatMb(usage.peakHeapMb)} of {formatMb(memoryMb)}</Fact>
        <Fact name="Peak external">{formatMb(usage.peakExternalMb)}</Fact>
        <Fact name="Memory held">{formatDecimal(usage.gbSeconds)} GB-s</Fact>
        {usage.egressRequests === undefined ? null : (
          <Fact name="Egress">{plural(usage.egressRequests, 'request')}, {formatMb(((usage.egressBytesIn ?? 0) + (usage.egressBytesOut ?? 0)) / (1024 * 1024))}</Fact>
        )}
      </dl>
    </>
  );
}

function Metadata({ run: { metadata } }: { run: RunSummary }): ReactNode {
  const entries = Object.entries(metadata);
  if (entries.length === 0) return null;
  return (
    <>
      <h3>Metadata</h3>
      <dl className="facts">{entries.map(([name, value]) => <Fact key={name} name={name}>{value}</Fact>)}</dl>
    </>
  );
}
