import type { HealthReport, RuntimeStatus } from '@bullpen/core';
import { useEffect, type ReactNode } from 'react';

import { useNow } from '../clock/server-clock.tsx';
import { formatRelative } from '../format/duration.ts';
import { formatFull } from '../format/moment.ts';
import { HealthBadge } from '../health/health-badge.tsx';
import { Badge } from './badge.tsx';
import { Mark } from './mark.tsx';
import type { OverallState } from './overall-state.ts';

interface BoardHeaderProps {
  overall: OverallState;
  health: HealthReport;
  queueBackend: RuntimeStatus['queueBackend'];
  updatedAtMs: number;
  stale: boolean;
  onSignOut: () => void;
}

const BACKENDS: Readonly<Record<RuntimeStatus['queueBackend'], string>> = { redis: 'Redis', postgres: 'Postgres' };

export function BoardHeader({ overall, health, queueBackend, updatedAtMs, stale, onSignOut }: BoardHeaderProps): ReactNode {
  const headline = stale ? 'State unknown' : overall.headline;
  useEffect(() => { document.title = `${headline} · Bullpen runtime`; }, [headline]);
  return (
    <header className="top">
      <h1><Mark /> Bullpen <span className="top-sub">runtime</span></h1>
      <span className="top-state" role="status"><Badge tone={stale ? 'idle' : overall.tone}>{headline}</Badge></span>
      <dl className="top-facts">
        <div><dt>Health</dt><dd>{stale ? 'unknown' : <HealthBadge report={health} />}</dd></div>
        <div><dt>Queue</dt><dd>{BACKENDS[queueBackend]}</dd></div>
        <div><dt>Updated</dt><dd><Updated atMs={updatedAtMs} /></dd></div>
      </dl>
      <nav aria-label="Board">
        <a className="button quiet" href="/admin/queues">Queues</a>
        <button type="button" className="button quiet" onClick={onSignOut}>Sign out</button>
      </nav>
    </header>
  );
}

/** When this page last heard of the server, by this machine's clock. */
function Updated({ atMs }: { atMs: number }): ReactNode {
  const { clientMs } = useNow();
  return <time dateTime={new Date(atMs).toISOString()} title={formatFull(atMs)}>{formatRelative(Math.min(atMs, clientMs), clientMs)}</time>;
}
