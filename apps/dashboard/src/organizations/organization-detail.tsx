import type { RuntimeMetrics, RuntimeStatus } from '@bullpen/core';
import type { ReactNode } from 'react';

import { Empty, Fact } from '../board/section.tsx';
import { bucketRuns } from '../charts/run-buckets.ts';
import { RunChart } from '../charts/run-chart.tsx';
import { containerGroups } from '../containers/container-groups.ts';
import { ContainerTable } from '../containers/container-table.tsx';
import { Deaths } from '../containers/deaths.tsx';
import { formatDuration } from '../format/duration.ts';
import { formatCount, formatDecimal } from '../format/quantity.ts';
import { HealthBadge, HealthComponents } from '../health/health-badge.tsx';
import { moveTo } from '../location/use-board-location.ts';
import { filterRuns } from '../runs/run-filter.ts';
import { NoRuns } from '../runs/no-runs.tsx';
import { RUN_COLUMNS_OF_ORGANIZATION } from '../runs/run-columns.tsx';
import { DataTable } from '../table/data-table.tsx';
import { ErrorRatio, PoolMemory } from './organization-columns.tsx';
import type { OrganizationRow } from './organization-rows.ts';

interface OrganizationDetailProps {
  row: OrganizationRow;
  status: RuntimeStatus;
  metrics: RuntimeMetrics | undefined;
}

export function OrganizationDetail({ row, status, metrics }: OrganizationDetailProps): ReactNode {
  const runs = filterRuns(status.recentRuns, { runState: null, runOrg: row.id });
  const health = status.organizations.find(({ id }) => id === row.id)?.health;
  return (
    <>
      <Facts row={row} />
      {health !== undefined && <><h3>Health <HealthBadge report={health} /></h3><HealthComponents report={health} /></>}
      <h3>Last hour</h3>
      {metrics !== undefined && <RunChart buckets={bucketRuns(metrics, 61, row.id)} />}
      <OrganizationContainers status={status} orgId={row.id} />
      <h3>Recent runs <span className="note">{formatCount(runs.length)} of the {formatCount(status.recentRuns.length)} most recent of all organizations</span></h3>
      {runs.length === 0 ? <NoRuns /> : (
        <DataTable
          caption={`Recent runs of ${row.name}`} noun="runs" columns={RUN_COLUMNS_OF_ORGANIZATION} rows={runs} keyOf={({ id }) => id} firstRows={10}
          onOpen={({ id, orgId }) => moveTo({ run: { orgId, runId: id } })}
        />
      )}
    </>
  );
}

function Facts({ row }: { row: OrganizationRow }): ReactNode {
  return (
    <dl className="facts">
      <Fact name="Id"><code>{row.id}</code></Fact>
      <Fact name="Queue">{formatCount(row.waiting)} waiting, {formatCount(row.active)} active, {formatCount(row.delayed)} delayed</Fact>
      <Fact name="Memory reserved"><PoolMemory row={row} /></Fact>
      <Fact name="Runs, 1 h">{formatCount(row.runs)}</Fact>
      <Fact name="Failed"><ErrorRatio row={row} /></Fact>
      <Fact name="Run time">p50 {formatDuration(row.p50Ms)}, p95 {formatDuration(row.p95Ms)}</Fact>
      <Fact name="Queue wait p95">{formatDuration(row.queueWaitP95Ms)}</Fact>
      <Fact name="CPU, 1 h">{formatDuration(row.cpuMs)}</Fact>
      <Fact name="Memory held, 1 h">{row.gbSeconds === null ? '–' : `${formatDecimal(row.gbSeconds)} GB-s`}</Fact>
    </dl>
  );
}

function OrganizationContainers({ status, orgId }: { status: RuntimeStatus; orgId: string }): ReactNode {
  const group = containerGroups(status.workers).find((candidate) => candidate.orgId === orgId);
  return (
    <>
      <h3>Containers <span className="note">{formatCount(group?.containers.length ?? 0)}</span></h3>
      {group === undefined || group.containers.length === 0
        ? <Empty title="No containers"><p>One is started when the next run comes.</p></Empty>
        : <ContainerTable groups={[group]} heads={false} />}
      {group !== undefined && <Deaths deaths={group.deaths} />}
    </>
  );
}
