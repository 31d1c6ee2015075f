/** A column: its heading, the text of a row in it, and how that text is painted. */
export interface Column<Row> {
  heading: string;
  text(row: Row): string;
  paint?(text: string, row: Row): string;
  align?: 'right';
  /** Where the lines do not fit, columns with the highest number are left out first; a column without one stays. */
  leaveOut?: number;
  /** Where they still do not fit, text of this column is cut to as little as this, with an ellipsis. */
  cutTo?: number;
}

/** What stands between two columns. */
const GAP = '  ';

/**
 * Rows as aligned lines, headings first; trailing blanks are cut. Widths are counted before painting, since colour
 * codes take no columns. Fitted into `columns` as far as the columns let it.
 */
export function renderTable<Row>(given: readonly Column<Row>[], rows: readonly Row[], heading: (text: string) => string, columns = Number.POSITIVE_INFINITY): string[] {
  const laidOut = fitted(given.map((column) => ({ column, cells: rows.map((row) => column.text(row)), width: 0 })), columns);
  const pad = ({ column, width }: Laid<Row>, text: string): string => {
    const cut = text.length > width ? `${text.slice(0, width - 1)}…` : text;
    return column.align === 'right' ? cut.padStart(width) : cut.padEnd(width);
  };
  const join = (texts: readonly string[]): string => texts.join(GAP).trimEnd();
  const head = join(laidOut.map((one) => heading(pad(one, one.column.heading))));
  const body = rows.map((row, r) => join(laidOut.map((one) => {
    const padded = pad(one, one.cells[r]!);
    return one.column.paint === undefined ? padded : one.column.paint(padded, row);
  })));
  return [head, ...body];
}

interface Laid<Row> {
  column: Column<Row>;
  cells: readonly string[];
  width: number;
}

function fitted<Row>(all: readonly Laid<Row>[], columns: number): Laid<Row>[] {
  let laid = all.map((one) => ({ ...one, width: Math.max(one.column.heading.length, ...one.cells.map((text) => text.length)) }));
  const tooWide = (): number => laid.reduce((sum, { width }) => sum + width, 0) + GAP.length * (laid.length - 1) - columns;
  while (tooWide() > 0) {
    const [first] = laid.filter(({ column }) => column.leaveOut !== undefined).toSorted((a, b) => b.column.leaveOut! - a.column.leaveOut!);
    if (first === undefined) break;
    laid = laid.filter((one) => one !== first);
  }
  for (const one of laid) if (one.column.cutTo !== undefined) one.width = Math.max(Math.min(one.width, one.column.cutTo), one.width - Math.max(0, tooWide()));
  return laid;
}
