import pc from 'picocolors';

/** Where text goes: the part of a tty or a pipe that is needed here. */
export interface TextSink {
  write(text: string): unknown;
  readonly isTTY?: boolean;
  readonly columns?: number;
  readonly rows?: number;
}

/**
 * Everything that the command says. Results go to stdout, so that they can be piped on; what accompanies them (events,
 * hints, errors) goes to stderr. What is live stands at the bottom of a terminal; every other line pushes it down.
 */
export interface Output {
  /** One line of the result. */
  result(text: string): void;
  /** One line about it. */
  note(text: string): void;
  /** A value for machines, on one line. */
  json(value: unknown): void;
  /** A line, or several, that the next call replaces; shown where `canRepaint` only. Null takes them away. Several must fit `columns` and `rows`. */
  live(text: string | readonly string[] | null): void;
  /** Lets what is live stand where it is, as lines like any other. */
  keep(): void;
  readonly paint: ReturnType<typeof pc.createColors>;
  /** Both streams are a terminal: a line may be shown and taken back. What is piped on must hold everything. */
  readonly canRepaint: boolean;
  /** How wide a line of the result may be: the terminal's width; what is piped on is not broken into lines. */
  readonly columns: number;
  /** How many lines of the terminal can be live at once. */
  readonly rows: number;
}

/** Nothing readable fits into less. */
const MOST_NARROW = 20;
const MOST_FLAT = 5;

export function createOutput(sinks: { stdout: TextSink; stderr: TextSink; color: boolean }): Output {
  const { stdout, stderr } = sinks;
  const paint = pc.createColors(sinks.color);
  const canRepaint = stdout.isTTY === true && stderr.isTTY === true;
  let live: readonly string[] = [];
  const erase = (): void => {
    // To the first live line, and everything from there on away.
    if (live.length > 0) stderr.write(`\r${live.length > 1 ? `\u001B[${live.length - 1}A` : ''}\u001B[J`);
  };
  const write = (sink: TextSink, text: string): void => {
    erase();
    sink.write(`${text}\n`);
    if (live.length > 0) stderr.write(live.join('\n'));
  };
  return {
    result: (text) => write(stdout, text),
    note: (text) => write(stderr, text),
    json: (value) => write(stdout, harmlessJson(JSON.stringify(value))),
    live(text) {
      if (!canRepaint) return;
      erase();
      // A line that wraps could not be erased as one.
      live = text === null ? [] : typeof text === 'string' ? [paint.blue(text.slice(0, (stderr.columns || 80) - 1))] : text;
      if (live.length > 0) stderr.write(live.join('\n'));
    },
    keep() {
      if (live.length > 0) stderr.write('\n');
      live = [];
    },
    paint,
    canRepaint,
    // Read anew each time: a window is resized while something is followed.
    get columns() { return stdout.isTTY === true ? Math.max(MOST_NARROW, stdout.columns ?? 80) : Number.POSITIVE_INFINITY; },
    get rows() { return Math.max(MOST_FLAT, stdout.rows ?? 24); },
  };
}

/**
 * Text of an agent or of the API, made safe for a terminal: control characters could move the cursor, change the title
 * or paste into the clipboard. Line ends and tabs stay.
 */
export function harmless(text: string): string {
  // eslint-disable-next-line no-control-regex -- control characters are what this looks for
  return text.replace(/[\u0000-\u0008\u000B-\u001F\u007F-\u009F]/g, (char) => `\\x${char.charCodeAt(0).toString(16).padStart(2, '0')}`);
}

/** JSON escapes most control characters itself; the rest is escaped in a way that leaves it the same JSON. */
export function harmlessJson(json: string): string {
  return json.replace(/[\u007F-\u009F]/g, (char) => `\\u00${char.charCodeAt(0).toString(16)}`);
}
