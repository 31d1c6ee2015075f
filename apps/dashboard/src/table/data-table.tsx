import { useState, type MouseEvent, type ReactNode } from 'react';

import { useNarrow } from '../board/use-narrow.ts';
import { formatCount } from '../format/quantity.ts';
import type { Column } from './column.ts';
import { sortRows, type SortOrder } from './sorting.ts';

interface DataTableProps<T> {
  /** Names the table to assistive technology. */
  caption: string;
  columns: readonly Column<T>[];
  rows: readonly T[];
  keyOf: (row: T) => string;
  sort?: { order: SortOrder; onOrder: (order: SortOrder) => void } | undefined;
  /** A click anywhere on the row; the lead column must hold a link that does the same. */
  onOpen?: (row: T) => void;
  openKey?: string | null;
  /** Rows shown before the reader asks for all of them. */
  firstRows?: number;
  /** What the rows are, for the button that shows all: `organizations`. */
  noun: string;
}

/** A card takes the height of five rows. */
const MOST_FIRST_CARDS = 6;

export function DataTable<T>(props: DataTableProps<T>): ReactNode {
  const { caption, columns, rows, keyOf, sort, noun } = props;
  const firstRows = Math.min(props.firstRows ?? Infinity, useNarrow() ? MOST_FIRST_CARDS : Infinity);
  const [all, setAll] = useState(false);
  const valueOf = columns.find(({ id }) => id === sort?.order.column)?.sortValue;
  const ordered = sort === undefined || valueOf === undefined ? rows : sortRows(rows, valueOf, sort.order.descending, keyOf);
  const shown = all ? ordered : ordered.slice(0, firstRows);
  return (
    <>
      {/* Roles are explicit because the card layout of narrow screens takes the tables' display types away. */}
      <div className="table-scroll">
        <table className="data" role="table" aria-label={caption} aria-rowcount={rows.length + 1}>
          <TableHead columns={columns} sort={sort} />
          <tbody role="rowgroup">
            {shown.map((row) => <TableRow key={keyOf(row)} {...props} row={row} />)}
          </tbody>
        </table>
      </div>
      {ordered.length > firstRows && (
        <button type="button" className="button show-all" onClick={() => setAll(!all)} aria-expanded={all}>
          {all ? `Show the first ${firstRows} ${noun}` : `Show all ${formatCount(ordered.length)} ${noun}`}
        </button>
      )}
    </>
  );
}

type Sort = DataTableProps<unknown>['sort'];

export function TableHead<T>({ columns, sort }: { columns: readonly Column<T>[]; sort?: Sort | undefined }): ReactNode {
  return (
    <thead role="rowgroup">
      <tr role="row">{columns.map((column) => <HeadCell key={column.id} column={column} sort={sort} />)}</tr>
    </thead>
  );
}

function HeadCell<T>({ column, sort }: { column: Column<T>; sort: Sort }): ReactNode {
  const className = cellClass(column);
  if (sort === undefined || column.sortValue === undefined) {
    return <th role="columnheader" scope="col" className={className} title={column.title}>{column.label}</th>;
  }
  const active = sort.order.column === column.id;
  const { descending } = sort.order;
  const toggle = (): void => sort.onOrder({ column: column.id, descending: active ? !descending : column.firstAscending !== true });
  return (
    <th role="columnheader" scope="col" className={className} title={column.title} aria-sort={active ? (descending ? 'descending' : 'ascending') : 'none'}>
      <button type="button" className="sort-button" onClick={toggle}>
        {column.label}<span className="sort-mark" aria-hidden="true">{active ? (descending ? '▼' : '▲') : ''}</span>
      </button>
    </th>
  );
}

type TableRowProps<T> = Pick<DataTableProps<T>, 'columns' | 'keyOf' | 'onOpen' | 'openKey'> & { row: T };

export function TableRow<T>({ row, columns, keyOf, onOpen, openKey }: TableRowProps<T>): ReactNode {
  const open = openKey !== undefined && openKey === keyOf(row);
  const onClick = (event: MouseEvent): void => {
    const onControl = (event.target as Element).closest('a, button, summary, details, input, select') !== null;
    if (!onControl && window.getSelection()?.isCollapsed !== false) onOpen?.(row);
  };
  return (
    <tr role="row" className={onOpen === undefined ? undefined : 'opens'} aria-current={open ? 'true' : undefined} onClick={onOpen && onClick}>
      {columns.map((column) => (
        <td key={column.id} role="cell" className={cellClass(column)} data-label={column.label}>{column.cell(row)}</td>
      ))}
    </tr>
  );
}

function cellClass<T>({ align, lead, minor, id }: Column<T>): string {
  return [`col-${id}`, align === 'end' && 'end', lead && 'lead', minor && 'minor'].filter(Boolean).join(' ');
}
