/** A column: its heading, the text of a row in it, and how that text is painted. */
export interface Column<Row> {
  heading: string;
  text(row: Row): string;
  paint?(text: string, row: Row): string;
  align?: 'right';
}

/**
 * Rows as aligned lines, headings first; trailing blanks are cut. Widths are counted before painting, since colour
 * codes take no columns.
 */
export function renderTable<Row>(columns: readonly Column<Row>[], rows: readonly Row[], heading: (text: string) => string): string[] {
  const cells = rows.map((row) => columns.map((column) => column.text(row)));
  const widths = columns.map((column, i) => Math.max(column.heading.length, ...cells.map((row) => row[i]!.length)));
  const pad = (text: string, i: number): string => (columns[i]!.align === 'right' ? text.padStart(widths[i]!) : text.padEnd(widths[i]!));
  const join = (texts: readonly string[]): string => texts.join('  ').trimEnd();
  const head = join(columns.map((column, i) => heading(pad(column.heading, i))));
  const body = rows.map((row, r) => join(columns.map((column, i) => {
    const padded = pad(cells[r]![i]!, i);
    return column.paint === undefined ? padded : column.paint(padded, row);
  })));
  return [head, ...body];
}
