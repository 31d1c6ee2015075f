/**
 * A parser of `text/event-stream`, fed in chunks that may break anywhere: inside a line, between CR and LF, inside a
 * UTF-8 character. Source: https://html.spec.whatwg.org/multipage/server-sent-events.html#event-stream-interpretation
 */
export interface SseFrame {
  /** The `event:` field, `message` where none was given. */
  event: string;
  data: string;
  /** The last id seen in the stream, this frame's own included. */
  lastEventId: string;
}

export interface SseParser {
  /** The frames that `chunk` completes. */
  push(chunk: Uint8Array): SseFrame[];
  /** What the server asked to wait before a reconnect, ms. */
  readonly retryMs: number | undefined;
}

export function createSseParser(): SseParser {
  // Removes the byte order mark and holds back the bytes of an unfinished character.
  const decoder = new TextDecoder();
  let pending = '';
  let endedWithCr = false;
  let retryMs: number | undefined;
  let lastEventId = '';
  let event = '';
  let data: string[] = [];

  const endFrame = (): SseFrame[] => {
    const frame = { event: event || 'message', data: data.join('\n'), lastEventId };
    const complete = data.length > 0;
    event = '';
    data = [];
    return complete ? [frame] : [];
  };

  const takeField = (line: string): void => {
    const colon = line.indexOf(':');
    const name = colon === -1 ? line : line.slice(0, colon);
    const value = colon === -1 ? '' : line.slice(colon + 1).replace(/^ /, '');
    if (name === 'data') data.push(value);
    else if (name === 'event') event = value;
    else if (name === 'id' && !value.includes('\0')) lastEventId = value;
    else if (name === 'retry' && /^\d+$/.test(value)) retryMs = Number(value);
    // Everything else, comments (an empty name) included, is ignored.
  };

  return {
    get retryMs() {
      return retryMs;
    },
    push(chunk) {
      let text = decoder.decode(chunk, { stream: true });
      if (text === '') return [];
      // A CR ends its line at once; an LF that opens the next chunk is then the second half of the same line end.
      if (endedWithCr && text.startsWith('\n')) text = text.slice(1);
      endedWithCr = text.endsWith('\r');
      const lines = (pending + text).split(/\r\n|\n|\r/);
      pending = lines.pop() ?? '';
      return lines.flatMap((line) => {
        if (line === '') return endFrame();
        takeField(line);
        return [];
      });
    },
  };
}
