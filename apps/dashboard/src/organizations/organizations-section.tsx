import type { ReactNode } from 'react';

import { Empty, Section } from '../board/section.tsx';
import { formatCount, plural } from '../format/quantity.ts';
import type { BoardLocation } from '../location/board-location.ts';
import { moveTo } from '../location/use-board-location.ts';
import { DataTable } from '../table/data-table.tsx';
import { FindField } from '../table/find-field.tsx';
import { SortChoice } from '../table/sort-choice.tsx';
import { formatSort, parseSort, type SortOrder } from '../table/sorting.ts';
import { ORGANIZATION_COLUMNS } from './organization-columns.tsx';
import { matchesText, type OrganizationRow } from './organization-rows.ts';

const BUSIEST_FIRST: SortOrder = { column: 'runs', descending: true };
const SORTABLE = ORGANIZATION_COLUMNS.filter(({ sortValue }) => sortValue !== undefined).map(({ id }) => id);
const FIRST_ROWS = 12;

export function OrganizationsSection({ rows, location }: { rows: readonly OrganizationRow[]; location: BoardLocation }): ReactNode {
  const order = parseSort(location.sort, SORTABLE, BUSIEST_FIRST);
  const onOrder = (next: SortOrder): void => moveTo({ sort: formatSort(next) }, 'replace');
  const found = rows.filter((row) => matchesText(row, location.find));
  const note = found.length === rows.length ? formatCount(rows.length) : `${formatCount(found.length)} of ${formatCount(rows.length)}`;
  const tools = rows.length > 1 && <><SortChoice columns={ORGANIZATION_COLUMNS} order={order} onOrder={onOrder} /><FindField find={location.find} /></>;
  return (
    <Section title="Organizations" note={note} tools={tools} className="organizations">
      {found.length > 0
        ? (
          <DataTable
            caption="Organizations" noun="organizations" columns={ORGANIZATION_COLUMNS} rows={found} keyOf={({ id }) => id} firstRows={FIRST_ROWS}
            sort={{ order, onOrder }} onOpen={({ id }) => moveTo({ org: id, run: null })} openKey={location.org}
          />
        )
        : <NoRows total={rows.length} find={location.find} />}
    </Section>
  );
}

function NoRows({ total, find }: { total: number; find: string }): ReactNode {
  if (total > 0) {
    return (
      <Empty title={`None of ${plural(total, 'organization')} matches “${find}”.`}>
        <button type="button" className="button" onClick={() => moveTo({ find: '' }, 'replace')}>Show all</button>
      </Empty>
    );
  }
  return (
    <Empty title="No organizations yet">
      <p>Create one with the admin key: <code>{'POST /v1/organizations { "id": "acme" }'}</code></p>
    </Empty>
  );
}
