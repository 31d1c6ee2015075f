import { useId, type ReactNode } from 'react';

import type { Column } from './column.ts';
import type { SortOrder } from './sorting.ts';

interface SortChoiceProps<T> {
  columns: readonly Column<T>[];
  order: SortOrder;
  onOrder: (order: SortOrder) => void;
}

/** Sorting for narrow screens, where rows are cards and there are no headings to click. */
export function SortChoice<T>({ columns, order, onOrder }: SortChoiceProps<T>): ReactNode {
  const id = useId();
  const choose = (column: string): void => {
    const chosen = columns.find((candidate) => candidate.id === column);
    if (chosen !== undefined) onOrder({ column, descending: chosen.firstAscending !== true });
  };
  return (
    <span className="sort-choice">
      <label htmlFor={id}>Sort by</label>
      <select id={id} value={order.column} onChange={(event) => choose(event.target.value)}>
        {columns.filter(({ sortValue }) => sortValue !== undefined).map(({ id: column, label }) => <option key={column} value={column}>{label}</option>)}
      </select>
    </span>
  );
}
