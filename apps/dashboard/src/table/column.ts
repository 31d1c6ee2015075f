import type { ReactNode } from 'react';

import type { SortValue } from './sorting.ts';

/** One column of a table. On a narrow screen rows turn into cards, and a column into a labelled value. */
export interface Column<T> {
  id: string;
  label: string;
  cell: (row: T) => ReactNode;
  /** Longer explanation of the heading. */
  title?: string;
  align?: 'end';
  /** The card's heading. */
  lead?: boolean;
  /** Left out on a narrow screen. */
  minor?: boolean;
  /** Present: the column can be sorted by. */
  sortValue?: (row: T) => SortValue;
  /** Direction of the first click; descending where left out, since operators look for the largest. */
  firstAscending?: boolean;
}
