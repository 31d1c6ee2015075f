import type { RuntimeMetrics, RuntimeStatus } from '@bullpen/core';
import type { ReactNode } from 'react';

import type { BoardLocation } from '../location/board-location.ts';
import { moveTo } from '../location/use-board-location.ts';
import { OrganizationDetail } from '../organizations/organization-detail.tsx';
import type { OrganizationRow } from '../organizations/organization-rows.ts';
import { RunDetail } from '../runs/run-detail.tsx';
import { shortId } from '../runs/short-id.ts';
import { Drawer } from './drawer.tsx';
import { Empty } from './section.tsx';

interface DetailProps {
  status: RuntimeStatus;
  metrics: RuntimeMetrics | undefined;
  rows: readonly OrganizationRow[];
  location: BoardLocation;
}

/** What the address says is open: a run, else an organization, else nothing. Closing a run goes back to its organization. */
export function Detail({ status, metrics, rows, location }: DetailProps): ReactNode {
  const { run, org } = location;
  if (run !== null) {
    return (
      <Drawer subject={run.runId} kind="Run" title={<code title={run.runId}>{shortId(run.runId)}</code>} onClose={() => moveTo({ run: null })}>
        <RunDetail key={`${run.orgId}/${run.runId}`} orgId={run.orgId} runId={run.runId} runs={status.recentRuns} backTo={org} />
      </Drawer>
    );
  }
  if (org === null) return null;
  const row = rows.find(({ id }) => id === org);
  return (
    <Drawer subject={org} kind="Organization" title={row?.name ?? org} onClose={() => moveTo({ org: null })}>
      {row === undefined
        ? <Empty title={`There is no organization ${org}.`}><p>It may have been deleted, or the link is mistyped.</p></Empty>
        : <OrganizationDetail row={row} status={status} metrics={metrics} />}
    </Drawer>
  );
}
