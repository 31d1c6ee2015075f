import type { ReactNode } from 'react';

import { plural } from '../format/quantity.ts';
import { BoardLink } from '../location/board-link.tsx';
import { TableHead, TableRow } from '../table/data-table.tsx';
import { CONTAINER_COLUMNS } from './container-columns.tsx';
import type { ContainerGroup, PlacedContainer } from './container-groups.ts';
import { Deaths } from './deaths.tsx';

interface ContainerTableProps {
  groups: readonly ContainerGroup[];
  /** A line above each group that names its organization; false where there is only one. */
  heads: boolean;
}

const keyOf = ({ id }: PlacedContainer): string => id;

/** Containers under their organizations, in one table, so that the columns line up. */
export function ContainerTable({ groups, heads }: ContainerTableProps): ReactNode {
  return (
    <div className="table-scroll">
      <table className="data containers" role="table" aria-label="Containers by organization">
        <TableHead columns={CONTAINER_COLUMNS} />
        {groups.map((group) => (
          <tbody key={group.orgId} role="rowgroup">
            {heads && (
              <tr role="row" className="group-head">
                <th role="rowheader" scope="rowgroup" colSpan={CONTAINER_COLUMNS.length}>
                  <BoardLink to={{ org: group.orgId, run: null }}>{group.orgId}</BoardLink>
                  <span className="note">{plural(group.containers.length, 'container')}</span> <Deaths deaths={group.deaths} />
                </th>
              </tr>
            )}
            {group.containers.map((container) => <TableRow key={container.id} row={container} columns={CONTAINER_COLUMNS} keyOf={keyOf} />)}
          </tbody>
        ))}
      </table>
    </div>
  );
}
