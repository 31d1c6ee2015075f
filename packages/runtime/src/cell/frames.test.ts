import { describe, expect, it } from '@jest/globals';

import { FrameReader, frameOf } from './frames.ts';

const reader = (maxFrameBytes = 100, maxBytes = 10_000) => new FrameReader({ maxFrameBytes, maxBytes });

describe('the frames of a cell', () => {
  it('are the same whichever way they are cut', () => {
    const texts = ['{"a":1}', '""', '{"é":"\u{1f600}"}', '[]'].map((text) => JSON.stringify(JSON.parse(text)));
    const stream = Buffer.concat(texts.map((text) => frameOf(JSON.parse(text))));
    for (let size = 1; size <= stream.length; size += 1) {
      const read = reader();
      const heard: string[] = [];
      for (let at = 0; at < stream.length; at += size) heard.push(...read.push(stream.subarray(at, at + size)));
      expect(heard).toEqual(texts);
    }
  });

  it('are refused when they announce too much, before any of it has come', () => {
    const header = Buffer.alloc(4);
    header.writeUInt32LE(500_000_000);
    expect(() => reader().push(header)).toThrow(/500000000 bytes/);
  });

  it('are refused when they are too much in all', () => {
    const read = reader(100, 30);
    expect(read.push(frameOf('0123456789'))).toEqual(['"0123456789"']);
    expect(() => read.push(frameOf('0123456789'))).toThrow(/more than an attempt may say/);
  });
});
