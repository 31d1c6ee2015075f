import { describe, expect, it } from '@jest/globals';

import { createClient } from './client.ts';
import type { RunStreamItem } from './run-stream.ts';

const log = (seq: number): string =>
  `id: ${seq}\nevent: log\ndata: ${JSON.stringify({ seq, attempt: 1, at: '2026-01-01T00:00:00.000Z', event: { type: 'log', level: 'info', message: `line ${seq}` } })}\n\n`;
const STATE = 'event: state\ndata: {"state":"running","attempt":1,"at":"2026-01-01T00:00:00.000Z"}\n\n';
const END = 'event: end\ndata: {"id":"run_1","state":"succeeded"}\n\n';

type Connection = { text: string; then: 'close' | 'break' | 'hang' } | { status: number; code: string };

function serve(...connections: Connection[]) {
  const asked: { url: string; after: string | undefined }[] = [];
  let cancelled = 0;
  const fetch = async (url: string, init: RequestInit): Promise<Response> => {
    asked.push({ url, after: (init.headers as Record<string, string>)['last-event-id'] });
    const connection = connections[Math.min(asked.length, connections.length) - 1]!;
    if ('status' in connection) {
      return new Response(JSON.stringify({ code: connection.code, detail: 'no' }), { status: connection.status, headers: { 'content-type': 'application/problem+json' } });
    }
    const body = new ReadableStream<Uint8Array>({
      start(controller) {
        controller.enqueue(new TextEncoder().encode(`retry: 1\n\n${connection.text}`));
        init.signal?.addEventListener('abort', () => controller.error(init.signal?.reason));
        if (connection.then === 'close') controller.close();
      },
      pull(controller) {
        if (connection.then === 'break') controller.error(new TypeError('terminated'));
      },
      cancel() {
        cancelled += 1;
      },
    });
    return new Response(body);
  };
  const runs = createClient({ baseUrl: 'http://api.test', apiKey: 'key', fetch, retries: 0 }).runs;
  return { runs, asked, cancelledCount: () => cancelled };
}

async function gather(items: AsyncIterable<RunStreamItem>): Promise<string[]> {
  const said: string[] = [];
  for await (const item of items) said.push(item.kind === 'event' ? String(item.seq) : item.kind);
  return said;
}

describe('the stream of a run', () => {
  it('gives events, changes of state and the end, then ends', async () => {
    const { runs } = serve({ text: STATE + log(1) + log(2) + END, then: 'hang' });
    expect(await gather(runs.events('run_1'))).toEqual(['state', '1', '2', 'end']);
  });

  it('connects again after what it saw when a connection breaks, and drops what is repeated', async () => {
    const { runs, asked } = serve(
      { text: STATE + log(1) + log(2), then: 'break' }, { text: STATE + log(2) + log(3), then: 'close' }, { text: END, then: 'close' },
    );
    expect(await gather(runs.events('run_1'))).toEqual(['state', '1', '2', '3', 'end']);
    expect(asked.map((one) => one.after)).toEqual([undefined, '2', '3']);
  });

  it('starts after the event it is asked to, and does not wait for more with follow: false', async () => {
    const { runs, asked } = serve({ text: log(7), then: 'close' });
    expect(await gather(runs.events('run_1', { after: 6, follow: false }))).toEqual(['7']);
    expect(asked).toEqual([{ url: 'http://api.test/v1/runs/run_1/events?follow=false', after: '6' }]);
  });

  it('connects again when the API is busy, and does not when it refuses', async () => {
    const busy = serve({ status: 503, code: 'SHUTTING_DOWN' }, { text: END, then: 'close' });
    expect(await gather(busy.runs.events('run_1'))).toEqual(['end']);
    const missing = serve({ status: 404, code: 'NOT_FOUND' });
    await expect(gather(missing.runs.events('run_1'))).rejects.toMatchObject({ code: 'NOT_FOUND' });
    expect(missing.asked).toHaveLength(1);
  });

  it('gives up on a stream that breaks again and again without anything new', async () => {
    const { runs, asked } = serve({ text: '', then: 'close' });
    await expect(gather(runs.events('run_1'))).rejects.toMatchObject({ code: 'API_UNREACHABLE' });
    expect(asked).toHaveLength(7);
  });

  it('ends at the caller\'s abort with its reason', async () => {
    const abort = new AbortController();
    const { runs } = serve({ text: log(1), then: 'hang' });
    const reading = (async () => {
      for await (const item of runs.events('run_1', { signal: abort.signal })) {
        if (item.kind === 'event') abort.abort(new Error('seen enough'));
      }
    })();
    await expect(reading).rejects.toThrow('seen enough');
  });

  it('lets go of the connection when the reader leaves the loop', async () => {
    const { runs, cancelledCount } = serve({ text: log(1), then: 'hang' });
    for await (const item of runs.events('run_1')) if (item.kind === 'event') break;
    expect(cancelledCount()).toBe(1);
  });
});
