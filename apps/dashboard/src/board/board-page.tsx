import type { RuntimeMetrics, RuntimeStatus, WebhookBoard } from '@bullpen/core';
import { useMemo, type ReactNode } from 'react';

import { AlertsSection } from '../alerts/alerts-section.tsx';
import { ContainersSection } from '../containers/containers-section.tsx';
import { IsolationSection } from '../isolation/isolation-section.tsx';
import { useBoardLocation } from '../location/use-board-location.ts';
import { organizationRows } from '../organizations/organization-rows.ts';
import { OrganizationsSection } from '../organizations/organizations-section.tsx';
import { RunsSection } from '../runs/runs-section.tsx';
import { WebhooksSection } from '../webhooks/webhooks-section.tsx';
import { WorkersSection } from '../workers/workers-section.tsx';
import { BoardHeader } from './board-header.tsx';
import { Detail } from './detail.tsx';
import { KpiStrip } from './kpi-strip.tsx';
import { Notices, type Feed } from './notices.tsx';
import { overallState } from './overall-state.ts';
import { RunsOverTime } from './runs-over-time.tsx';
import { hourTotals } from './totals.ts';
import { useNarrow } from './use-narrow.ts';

interface BoardPageProps {
  status: RuntimeStatus;
  metrics: RuntimeMetrics | undefined;
  webhooks: WebhookBoard | undefined;
  statusFeed: Feed;
  metricsFeed: Feed;
  onSignOut: () => void;
}

export function BoardPage({ status, metrics, webhooks, statusFeed, metricsFeed, onSignOut }: BoardPageProps): ReactNode {
  const location = useBoardLocation();
  const narrow = useNarrow();
  const hour = useMemo(() => (metrics === undefined ? null : hourTotals(metrics)), [metrics]);
  const rows = useMemo(() => organizationRows(status, metrics), [status, metrics]);
  const overall = useMemo(() => overallState(status, hour), [status, hour]);
  const covered = narrow && (location.org !== null || location.run !== null);
  return (
    <>
      <div className="page" inert={covered}>
        <BoardHeader
          overall={overall} health={status.health} queueBackend={status.queueBackend} updatedAtMs={statusFeed.updatedAtMs} stale={statusFeed.failure !== null}
          onSignOut={onSignOut}
        />
        <main>
          <Notices overall={overall} statusFeed={statusFeed} metricsFeed={metricsFeed} />
          <AlertsSection alerts={status.alerts} />
          <KpiStrip status={status} metrics={metrics} hour={hour} />
          <div className="two-up">
            <RunsOverTime metrics={metrics} />
            <WorkersSection workers={status.workers} health={status.workerHealth} at={status.at} />
          </div>
          <OrganizationsSection rows={rows} location={location} />
          <RunsSection runs={status.recentRuns} organizations={status.organizations} location={location} />
          <ContainersSection workers={status.workers} find={location.find} organizations={status.organizations} />
          <WebhooksSection board={webhooks} />
          <IsolationSection workers={status.workers} />
        </main>
      </div>
      <Detail status={status} metrics={metrics} rows={rows} location={location} />
    </>
  );
}
