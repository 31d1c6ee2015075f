import type { WorkerSnapshot } from '@bullpen/core';
import type { ReactNode } from 'react';

import { Badge } from '../board/badge.tsx';
import { Empty, Section } from '../board/section.tsx';
import { Ago } from '../clock/times.tsx';
import { plural } from '../format/quantity.ts';
import type { Column } from '../table/column.ts';
import { DataTable } from '../table/data-table.tsx';
import { LEVEL_VIEWS, isolationRows, type IsolationRow } from './isolation-rows.ts';

/** What each worker's machine can enforce of each tier, as it found out by trying when it started. */
export function IsolationSection({ workers }: { workers: readonly WorkerSnapshot[] }): ReactNode {
  const rows = isolationRows(workers);
  return (
    <Section title="Isolation" note={plural(new Set(rows.map(({ workerId }) => workerId)).size, 'worker')}>
      {rows.length === 0
        ? <Empty title="No worker has told of its walls yet"><p>Each worker tries what its machine can enforce when it starts, and tells it with its heartbeat. <code>npx bullpen doctor --isolation</code> tries this machine.</p></Empty>
        : <DataTable caption="Isolation by worker and tier" noun="rows" columns={COLUMNS} rows={rows} keyOf={({ workerId, tier }) => `${workerId}/${tier}`} firstRows={6} />}
    </Section>
  );
}

const COLUMNS: readonly Column<IsolationRow>[] = [
  { id: 'worker', label: 'Worker', lead: true, cell: ({ host, platform, workerId }) => <span className="name" title={workerId}><span>{host}</span><span className="muted">{platform}</span></span> },
  { id: 'tier', label: 'Tier', cell: ({ tier }) => tier },
  { id: 'level', label: 'Level', cell: ({ level }) => <Badge tone={LEVEL_VIEWS[level].tone}>{LEVEL_VIEWS[level].label}</Badge> },
  { id: 'achieved', label: 'Achieved', cell: ({ achieved, target }) => <span title={`target: ${target}`}>{achieved}</span> },
  { id: 'cases', label: 'Cases tried', cell: (row) => <Cases row={row} /> },
  { id: 'tried', label: 'Tried', align: 'end', cell: ({ at }) => <Ago at={at} /> },
];

function Cases({ row: { cases } }: { row: IsolationRow }): ReactNode {
  if (cases.length === 0) return <span className="muted">none</span>;
  const failed = cases.filter(({ passed }) => !passed);
  return (
    <details>
      <summary>{failed.length === 0 ? `${cases.length} held` : `${failed.length} of ${cases.length} did not hold`}</summary>
      <ul className="cases">{cases.map(({ name, passed }) => <li key={name} className={passed ? undefined : 'marked'}>{passed ? 'held' : 'did not hold'}: {name}</li>)}</ul>
    </details>
  );
}
