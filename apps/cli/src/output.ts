import pc from 'picocolors';

/** Where text goes: the part of a tty or a pipe that is needed here. */
export interface TextSink {
  write(text: string): unknown;
  readonly isTTY?: boolean;
  readonly columns?: number;
}

/**
 * Everything that the command says. Results go to stdout, so that they can be piped on; what accompanies them (events,
 * hints, errors) goes to stderr. At most one live line stands at the bottom of a terminal; every other line pushes it down.
 */
export interface Output {
  /** One line of the result. */
  result(text: string): void;
  /** One line about it. */
  note(text: string): void;
  /** A value for machines, on one line. */
  json(value: unknown): void;
  /** A line that the next call replaces; shown on a terminal only. Null takes it away. */
  live(text: string | null): void;
  readonly paint: ReturnType<typeof pc.createColors>;
  /** Columns of the terminal; undefined for a pipe. */
  readonly width: number | undefined;
}

export function createOutput(sinks: { stdout: TextSink; stderr: TextSink; color: boolean }): Output {
  const { stdout, stderr } = sinks;
  let liveLine: string | null = null;
  const erase = (): void => {
    if (liveLine !== null) stderr.write('\r\u001B[K');
  };
  const write = (sink: TextSink, text: string): void => {
    erase();
    sink.write(`${text}\n`);
    if (liveLine !== null) stderr.write(liveLine);
  };
  return {
    result: (text) => write(stdout, text),
    note: (text) => write(stderr, text),
    json: (value) => write(stdout, JSON.stringify(value)),
    live(text) {
      if (stderr.isTTY !== true) return;
      erase();
      liveLine = text;
      if (text !== null) stderr.write(text);
    },
    paint: pc.createColors(sinks.color),
    width: stdout.isTTY === true ? stdout.columns : undefined,
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
