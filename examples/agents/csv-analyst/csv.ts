/** CSV as it is found in the world, after RFC 4180 (https://www.rfc-editor.org/rfc/rfc4180) where the world keeps to it. */
export interface CsvTable {
  delimiter: string;
  columns: string[];
  /** The data rows; each has exactly one value per column. */
  rows: string[][];
  /** Numbers (from 1) of rows that had too few or too many values and were filled up or cut. */
  raggedRows: number[];
}

const DELIMITERS = [',', ';', '\t', '|'];

/**
 * Reads quoted values (with doubled quotes, delimiters and line ends inside), CRLF, LF or CR, a byte order mark, and
 * finds out the delimiter from the heading. Blank lines are skipped; a quote that is never closed ends with the text.
 */
export function parseCsv(text: string): CsvTable {
  const body = text.replace(/^\uFEFF/, '');
  const delimiter = detectDelimiter(body);
  const [heading = [], ...records] = splitRecords(body, delimiter);
  const columns = heading.map((name, i) => name.trim() || `column ${i + 1}`);
  const raggedRows: number[] = [];
  const rows = records.map((record, i) => {
    if (record.length === columns.length) return record;
    raggedRows.push(i + 1);
    return columns.map((_, c) => record[c] ?? '');
  });
  return { delimiter, columns, rows, raggedRows };
}

/** The delimiter that splits the first line into the most values; quoted ones do not count. */
function detectDelimiter(text: string): string {
  const firstLine = (/^(?:"(?:[^"]|"")*"|[^"\r\n])*/.exec(text)?.[0] ?? '').replace(/"(?:[^"]|"")*"/g, '');
  const counts = DELIMITERS.map((delimiter) => firstLine.split(delimiter).length);
  return DELIMITERS[counts.indexOf(Math.max(...counts))]!;
}

/** One pass over the text: a value is plain up to the next delimiter or line end, or quoted up to its closing quote. */
function splitRecords(text: string, delimiter: string): string[][] {
  const records: string[][] = [];
  let record: string[] = [];
  let at = 0;
  while (at < text.length) {
    const value = text[at] === '"' ? quotedValue(text, at) : plainValue(text, at, delimiter);
    record.push(value.text);
    at = value.end;
    if (text[at] === delimiter) {
      at += 1;
      if (at === text.length) record.push('');
      continue;
    }
    at = afterLineEnd(text, at);
    if (record.length > 1 || record[0] !== '') records.push(record);
    record = [];
  }
  if (record.length > 0) records.push(record);
  return records;
}

interface Value {
  text: string;
  /** Where the delimiter, the line end or the end of the text stands. */
  end: number;
}

function plainValue(text: string, start: number, delimiter: string): Value {
  let end = start;
  while (end < text.length && text[end] !== delimiter && text[end] !== '\n' && text[end] !== '\r') end += 1;
  return { text: text.slice(start, end), end };
}

function quotedValue(text: string, start: number): Value {
  let unquoted = '';
  for (let from = start + 1; ;) {
    const quote = text.indexOf('"', from);
    if (quote === -1) return { text: unquoted + text.slice(from), end: text.length };
    unquoted += text.slice(from, quote);
    if (text[quote + 1] !== '"') return { text: unquoted, end: quote + 1 };
    unquoted += '"';
    from = quote + 2;
  }
}

function afterLineEnd(text: string, at: number): number {
  return text[at] === '\r' && text[at + 1] === '\n' ? at + 2 : at + 1;
}
