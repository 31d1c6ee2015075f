import type { RunError, RunSummary } from '@bullpen/core';
import type { ReactNode } from 'react';

import { Ago } from '../clock/times.tsx';
import { NO_VALUE } from '../format/duration.ts';
import { BoardLink } from '../location/board-link.tsx';
import type { Column } from '../table/column.ts';
import { RunLink } from './run-link.tsx';
import { RunStateBadge } from './run-state-badge.tsx';
import { queueWait, runDuration } from './run-timing.ts';
import { SpanText } from './spans.tsx';

export const RUN_COLUMNS: readonly Column<RunSummary>[] = [
  { id: 'run', label: 'Run', lead: true, cell: ({ id, orgId }) => <RunLink orgId={orgId} runId={id} /> },
  { id: 'org', label: 'Organization', cell: ({ orgId }) => <BoardLink to={{ org: orgId, run: null }} className="plain" title={orgId}>{orgId}</BoardLink> },
  { id: 'agent', label: 'Agent', cell: ({ agent, version }) => <span title={`${agent}@${version}`}>{agent}<span className="muted">@{version}</span></span> },
  { id: 'state', label: 'State', cell: ({ state }) => <RunStateBadge state={state} /> },
  { id: 'attempt', label: 'Attempt', align: 'end', minor: true, cell: ({ attempt, maxAttempts }) => `${attempt} of ${maxAttempts}` },
  { id: 'wait', label: 'Queue wait', align: 'end', cell: (run) => <SpanText span={queueWait(run)} /> },
  { id: 'duration', label: 'Duration', align: 'end', cell: (run) => <SpanText span={runDuration(run)} /> },
  { id: 'error', label: 'Error', cell: ({ error }) => <ErrorFold error={error} /> },
  { id: 'queued', label: 'Queued', align: 'end', cell: ({ queuedAt }) => <Ago at={queuedAt} /> },
];

/** In an organization's detail, where the organization is known and the space small. */
export const RUN_COLUMNS_OF_ORGANIZATION = RUN_COLUMNS.filter(({ id }) => !['org', 'attempt', 'wait'].includes(id));

/** The code; its message on hover, or below when opened. */
function ErrorFold({ error }: { error: RunError | null }): ReactNode {
  if (error === null) return <span className="muted">{NO_VALUE}</span>;
  return (
    <details className="error-fold">
      <summary title={error.message}><code>{error.code}</code></summary>
      <p>{error.message}</p>
    </details>
  );
}
