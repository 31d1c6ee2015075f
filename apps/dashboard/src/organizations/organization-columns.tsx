import type { ReactNode } from 'react';

import { Meter } from '../charts/meter.tsx';
import { Sparkline } from '../charts/sparkline.tsx';
import { formatDuration } from '../format/duration.ts';
import { formatCount, formatMb, formatRatio } from '../format/quantity.ts';
import { BoardLink } from '../location/board-link.tsx';
import type { Column } from '../table/column.ts';
import type { OrganizationRow } from './organization-rows.ts';

/** Above this share of failures a figure is marked. */
const HIGH_ERROR_RATIO = 0.1;

export const ORGANIZATION_COLUMNS: readonly Column<OrganizationRow>[] = [
  { id: 'name', label: 'Organization', lead: true, firstAscending: true, sortValue: ({ name }) => name, cell: (row) => <Name row={row} /> },
  { id: 'waiting', label: 'Waiting', align: 'end', sortValue: ({ waiting }) => waiting, cell: ({ waiting }) => <Quiet count={waiting} /> },
  { id: 'delayed', label: 'Delayed', align: 'end', minor: true, title: 'Scheduled runs and retries whose time has not come', sortValue: ({ delayed }) => delayed, cell: ({ delayed }) => <Quiet count={delayed} /> },
  { id: 'active', label: 'Active', align: 'end', sortValue: ({ active }) => active, cell: ({ active }) => <Quiet count={active} /> },
  {
    id: 'memory', label: 'Memory reserved', title: 'Of the pool, over all workers', sortValue: ({ reservedMb, poolMb }) => (poolMb === 0 ? 0 : reservedMb / poolMb),
    cell: (row) => <PoolMemory row={row} />,
  },
  { id: 'containers', label: 'Containers', align: 'end', minor: true, sortValue: ({ containers }) => containers, cell: ({ containers }) => <Quiet count={containers} /> },
  { id: 'runs', label: 'Runs, 1 h', align: 'end', sortValue: ({ runs }) => runs, cell: ({ runs }) => formatCount(runs) },
  { id: 'shape', label: 'Last hour', minor: true, cell: ({ buckets }) => <Sparkline buckets={buckets} /> },
  { id: 'errors', label: 'Failed', align: 'end', sortValue: ({ errorRatio }) => errorRatio, cell: (row) => <ErrorRatio row={row} /> },
  { id: 'p50', label: 'p50', title: 'Run time, median', align: 'end', sortValue: ({ p50Ms }) => p50Ms, cell: ({ p50Ms }) => formatDuration(p50Ms) },
  { id: 'p95', label: 'p95', title: 'Run time, 95th percentile', align: 'end', sortValue: ({ p95Ms }) => p95Ms, cell: ({ p95Ms }) => formatDuration(p95Ms) },
];

function Name({ row: { id, name } }: { row: OrganizationRow }): ReactNode {
  return (
    <span className="name">
      <BoardLink to={{ org: id, run: null }} title={name}>{name}</BoardLink>
      {name !== id && <code className="muted" title={id}>{id}</code>}
    </span>
  );
}

/** A zero is the usual case: written, but not shouted. */
function Quiet({ count }: { count: number }): ReactNode {
  return count === 0 ? <span className="muted">0</span> : formatCount(count);
}

export function PoolMemory({ row: { reservedMb, poolMb } }: { row: OrganizationRow }): ReactNode {
  const words = `${formatMb(reservedMb)} of ${formatMb(poolMb)}`;
  return <span className="metered"><Meter parts={[{ value: reservedMb, kind: 'used' }]} of={poolMb} label={`${words} reserved`} /><span>{words}</span></span>;
}

export function ErrorRatio({ row: { errorRatio, failures } }: { row: OrganizationRow }): ReactNode {
  const high = errorRatio !== null && errorRatio >= HIGH_ERROR_RATIO;
  return <span className={high ? 'marked' : undefined} title={failures === null ? undefined : `${formatCount(failures)} failed`}>{high && <span aria-label="high">▲ </span>}{formatRatio(errorRatio)}</span>;
}
