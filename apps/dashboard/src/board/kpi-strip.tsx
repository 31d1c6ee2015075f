import type { RuntimeMetrics, RuntimeStatus } from '@bullpen/core';
import type { ReactNode } from 'react';

import { Meter } from '../charts/meter.tsx';
import { bucketAllRuns } from '../charts/run-buckets.ts';
import { Sparkline } from '../charts/sparkline.tsx';
import { formatDuration } from '../format/duration.ts';
import { formatCount, formatDecimal, formatMb, formatRatio, plural } from '../format/quantity.ts';
import { BoardLink } from '../location/board-link.tsx';
import { nowTotals, type HourTotals } from './totals.ts';

interface KpiStripProps {
  status: RuntimeStatus;
  metrics: RuntimeMetrics | undefined;
  hour: HourTotals | null;
}

export function KpiStrip({ status, metrics, hour }: KpiStripProps): ReactNode {
  return (
    <dl className="kpis" aria-label="Key figures">
      <HourKpis metrics={metrics} hour={hour} />
      <NowKpis status={status} />
    </dl>
  );
}

function HourKpis({ metrics, hour }: Omit<KpiStripProps, 'status'>): ReactNode {
  return (
    <>
      <Kpi name="Runs, last hour" value={formatCount(hour?.runs)} note={hour === null ? 'loading' : `${formatDecimal(hour.runsPerMinute)} per minute`}>
        {metrics !== undefined && <Sparkline buckets={bucketAllRuns(metrics, 30)} />}
      </Kpi>
      <Kpi name="Failed, last hour" value={formatRatio(hour?.errorRatio)} note={hour === null ? 'loading' : `${formatCount(hour.failures)} of ${plural(hour.runs, 'run')}`} />
      <Kpi name="Run time p50" value={formatDuration(hour?.p50Ms)} note="half of all runs are faster" />
      <Kpi
        name="Run time p95" value={formatDuration(hour?.p95Ms)}
        title={hour?.slowest == null ? '' : `p95 of the slowest organization: ${formatDuration(hour.slowest.p95Ms)}`} note={hour?.slowest == null ? 'of all runs' : <>slowest: <BoardLink to={{ org: hour.slowest.orgId, run: null }}>{hour.slowest.orgId}</BoardLink></>}
      />
    </>
  );
}

function NowKpis({ status }: Pick<KpiStripProps, 'status'>): ReactNode {
  const now = nowTotals(status);
  return (
    <>
      <Kpi name="Queue" value={formatCount(now.waiting)} unit="waiting" note={`${formatCount(now.active)} active, ${formatCount(now.delayed)} delayed`} />
      <Kpi name="Slots in use" value={formatCount(now.running)} unit={`of ${formatCount(now.slots)}`} note={plural(status.workers.length, 'worker')}>
        <Meter parts={[{ value: now.running, kind: 'used' }]} of={now.slots} label={`${now.running} of ${now.slots} slots in use`} />
      </Kpi>
      <Kpi name="Memory reserved" value={formatMb(now.reservedMb)} note={`of ${formatMb(now.poolMb)} in pools`}>
        <Meter parts={[{ value: now.reservedMb, kind: 'used' }]} of={now.poolMb} label={`${formatMb(now.reservedMb)} of ${formatMb(now.poolMb)} reserved`} />
      </Kpi>
    </>
  );
}

interface KpiProps {
  name: string;
  value: string;
  unit?: string;
  note: ReactNode;
  title?: string;
  children?: ReactNode;
}

function Kpi({ name, value, unit, note, title, children }: KpiProps): ReactNode {
  return (
    <div className="kpi" title={title}>
      <dt>{name}</dt>
      <dd>
        <span className="kpi-value">{value}{unit !== undefined && <small> {unit}</small>}</span>
        <span className="kpi-note">{note}</span>
        {children}
      </dd>
    </div>
  );
}
