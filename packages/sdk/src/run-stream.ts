import { BullpenError, type RunStateEvent, type RunSummary, type StoredRunEvent } from '@bullpen/core';

import { askedPauseMs, mayComeBack, type Http } from './http.ts';
import { pause } from './pause.ts';
import { createSseParser, type SseFrame } from './sse-parser.ts';

/** What the stream of a run says. `end` comes last, once, when the run is over. */
export type RunStreamItem =
  | ({ kind: 'event' } & StoredRunEvent)
  | ({ kind: 'state' } & RunStateEvent)
  | { kind: 'end'; run: RunSummary };

export interface RunStreamOptions {
  /** Only events after this `seq`. */
  after?: number | undefined;
  /** false: what is kept so far, then the end of the iteration; true (the default): until the run is over. */
  follow?: boolean | undefined;
  signal?: AbortSignal | undefined;
}

/** A stream that broke this often in a row, soon and without anything new, is given up. */
const MAX_BARREN_CONNECTIONS = 6;
/** A connection that held this long was a good one, even if the run had nothing to say. */
const GOOD_CONNECTION_MS = 5_000;
/** How long a server may take to close after its last frame. */
const CLOSING_MS = 500;
const FIRST_PAUSE_MS = 200;
const LONGEST_PAUSE_MS = 5_000;

/**
 * The events of a run, each exactly once and in order, over as many connections as it takes: a connection that ends
 * before the run does is made again with `Last-Event-ID`, and what the server then repeats is dropped by its `seq`.
 */
export async function* streamRun(http: Http, runId: string, options: RunStreamOptions): AsyncGenerator<RunStreamItem, void, undefined> {
  const follow = options.follow ?? true;
  const cursor = createCursor(options.after ?? -1);
  let barren = 0;
  let ended = false;
  for (;;) {
    const openedAtMs = performance.now();
    let failure: unknown;
    try {
      for await (const frame of readFrames(http, runId, cursor, options)) {
        const item = cursor.take(frame);
        if (item === undefined) continue;
        barren = 0;
        ended = item.kind === 'end';
        yield item;
      }
      if (ended || !follow) return;
    } catch (error) {
      if (ended) return;
      if (!mayReconnect(error, options.signal)) throw error;
      failure = error;
    }
    barren = performance.now() - openedAtMs < GOOD_CONNECTION_MS ? barren + 1 : 0;
    if (barren > MAX_BARREN_CONNECTIONS) throw givenUp(runId, failure);
    // At least what the server asked for; longer each time, since its successor may take a while to start.
    const backoffMs = Math.min(LONGEST_PAUSE_MS, FIRST_PAUSE_MS * 2 ** Math.max(0, barren - 1));
    await pause(Math.max(cursor.pauseMs ?? 0, backoffMs, askedPauseMs(failure) ?? 0), options.signal);
  }
}

/** Where the reader is in the stream. */
interface Cursor {
  readonly after: number;
  pauseMs: number | undefined;
  /** The item of a frame, or undefined for one that was seen before or is of a kind this client does not know. */
  take(frame: SseFrame): RunStreamItem | undefined;
}

function createCursor(from: number): Cursor {
  let after = from;
  let lastState = '';
  return {
    get after() {
      return after;
    },
    pauseMs: undefined,
    take(frame) {
      switch (frame.event) {
        case 'end':
          return { kind: 'end', run: JSON.parse(frame.data) as RunSummary };
        case 'state':
          if (frame.data === lastState) return undefined;
          lastState = frame.data;
          return { kind: 'state', ...(JSON.parse(frame.data) as RunStateEvent) };
        case 'log': case 'emit': case 'progress': case 'span': case 'dropped': {
          const stored = JSON.parse(frame.data) as StoredRunEvent;
          if (stored.seq <= after) return undefined;
          after = stored.seq;
          return { kind: 'event', ...stored };
        }
        default:
          return undefined;
      }
    },
  };
}

type Reader = ReadableStreamDefaultReader<Uint8Array>;
type Chunk = Awaited<ReturnType<Reader['read']>>;

async function* readFrames(http: Http, runId: string, cursor: Cursor, options: RunStreamOptions): AsyncGenerator<SseFrame, void, undefined> {
  const response = await http.open({
    method: 'GET',
    path: `/v1/runs/${encodeURIComponent(runId)}/events`,
    query: options.follow === false ? { follow: 'false' } : {},
    headers: { accept: 'text/event-stream', ...(cursor.after < 0 ? {} : { 'last-event-id': String(cursor.after) }) },
    signal: options.signal,
    idempotent: true,
  });
  const parser = createSseParser();
  const reader = (response.body ?? new ReadableStream<Uint8Array>()).getReader();
  try {
    for (let closing = false; ;) {
      const { done, value }: Chunk = await (closing ? readSoon(reader) : reader.read());
      if (done) return;
      for (const frame of parser.push(value)) {
        yield frame;
        closing ||= frame.event === 'end';
      }
      cursor.pauseMs = parser.retryMs;
    }
  } finally {
    // Also on `break` out of the iteration: the connection must not outlive its reader.
    await reader.cancel().catch(() => undefined);
  }
}

/** After its last frame the server closes: waiting that long lets the connection be used again, cancelling would not. */
async function readSoon(reader: Reader): Promise<Chunk> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const late = new Promise<Chunk>((resolve) => {
    timer = setTimeout(() => resolve({ done: true, value: undefined }), CLOSING_MS);
  });
  const chunk = await Promise.race([reader.read(), late]);
  clearTimeout(timer);
  return chunk;
}

/** What the API refused it refuses again, unless it is only busy; a broken connection is made anew. */
function mayReconnect(error: unknown, signal: AbortSignal | undefined): boolean {
  if (signal?.aborted) return false;
  if (!(error instanceof BullpenError)) return !(error instanceof SyntaxError); // JSON that does not parse stays so
  return mayComeBack(error);
}

function givenUp(runId: string, failure: unknown): unknown {
  if (failure instanceof BullpenError) return failure;
  const message = `the event stream of ${runId} broke off ${MAX_BARREN_CONNECTIONS + 1} times in a row before the run was over`;
  return new BullpenError('API_UNREACHABLE', message, { runId }, { cause: failure });
}
