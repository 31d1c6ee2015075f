import { describe, expect, it } from '@jest/globals';

import { createSseParser, type SseFrame } from './sse-parser.ts';

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);
const parse = (...chunks: Uint8Array[]): SseFrame[] => {
  const parser = createSseParser();
  return chunks.flatMap((chunk) => parser.push(chunk));
};

const STREAM = ': hello\n\nid: 1000001\nevent: log\ndata: {"message":"grüße 🐂"}\n\nevent: state\r\ndata: a\r\ndata:  b\r\n\r\nid: 2\rdata\r\r';
const FRAMES: SseFrame[] = [
  { event: 'log', data: '{"message":"grüße 🐂"}', lastEventId: '1000001' },
  { event: 'state', data: 'a\n b', lastEventId: '1000001' },
  { event: 'message', data: '', lastEventId: '2' },
];

describe('the SSE parser', () => {
  it('reads fields, multi-line data and all three line ends', () => {
    expect(parse(bytes(STREAM))).toEqual(FRAMES);
  });

  it('gives the same frames wherever the stream is cut in two, inside characters and line ends included', () => {
    const all = bytes(STREAM);
    for (let cut = 0; cut <= all.length; cut += 1) expect(parse(all.slice(0, cut), all.slice(cut))).toEqual(FRAMES);
  });

  it('gives the same frames one byte at a time', () => {
    expect(parse(...Array.from(bytes(STREAM), (byte) => Uint8Array.of(byte)))).toEqual(FRAMES);
  });

  it('hands over a frame that ends in CR without waiting for what comes next', () => {
    expect(parse(bytes('data: x\r\r'))).toEqual([{ event: 'message', data: 'x', lastEventId: '' }]);
  });

  it('skips a byte order mark, frames without data, and unknown fields', () => {
    expect(parse(bytes('\uFEFFevent: ping\n\nwhat: ever\ndata: y\n\n'))).toEqual([{ event: 'message', data: 'y', lastEventId: '' }]);
  });

  it('does not take an id with a NUL, and reads how long to wait before a reconnect', () => {
    const parser = createSseParser();
    expect(parser.push(bytes('id: a\0b\nretry: 1500\ndata: z\n\n'))).toEqual([{ event: 'message', data: 'z', lastEventId: '' }]);
    expect(parser.retryMs).toBe(1500);
  });
});
