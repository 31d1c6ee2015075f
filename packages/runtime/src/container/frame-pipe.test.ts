import { closeSync, mkdtempSync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';

import { frameOf } from '../cell/frames.ts';
import { FrameSleeper, frameReader, writeFrame } from './frame-pipe.mjs';

describe('a cell\'s end of its pipes', () => {
  let dir: string;
  let fd: number;
  beforeEach(() => {
    dir = mkdtempSync(join(tmpdir(), 'bullpen-frames-'));
    fd = -1;
  });
  afterEach(() => {
    if (fd >= 0) closeSync(fd);
    rmSync(dir, { recursive: true, force: true });
  });

  /** A file, which is read like a pipe that has ended. */
  const sleeperOf = (content: Buffer): FrameSleeper => {
    writeFileSync(join(dir, 'frames'), content);
    fd = openSync(join(dir, 'frames'), 'r');
    return new FrameSleeper(fd);
  };
  const written = (write: (to: number) => void): Buffer => {
    fd = openSync(join(dir, 'written'), 'w');
    write(fd);
    return readFileSync(join(dir, 'written'));
  };

  it('gives frames of any size in their order, and null where the pipe has ended', () => {
    const frames = [{ no: 1 }, { no: 2, text: 'ä'.repeat(40_000) }, { no: 3 }, { no: 4, text: 'x'.repeat(16_384) }, { no: 5 }];
    const sleeper = sleeperOf(Buffer.concat(frames.map(frameOf)));
    expect(frames.map(() => sleeper.next())).toEqual(frames);
    expect(sleeper.next()).toBeNull();
  });

  it('gives null where the pipe ends within a frame', () => {
    expect(sleeperOf(frameOf({ text: 'cut' }).subarray(0, 9)).next()).toBeNull();
  });

  it('keeps what it has read of later frames', () => {
    const later = Buffer.concat([frameOf({ no: 2 }), frameOf({ no: 3 }).subarray(0, 7)]);
    const sleeper = sleeperOf(Buffer.concat([frameOf({ no: 1 }), later]));
    expect(sleeper.next()).toEqual({ no: 1 });
    expect(sleeper.rest).toEqual(later);
  });

  it.each([['small', 'ä'], ['as large as fits', 'x'.repeat(5459)], ['large', '€'.repeat(30_000)]])('writes a %s frame as the supervisor reads it', (_, text) => {
    expect(written((to) => writeFrame(to, JSON.stringify({ text })))).toEqual(frameOf({ text }));
  });

  it.each([1, 3, 7, 16_384])('hears frames that come in pieces of %i bytes', (size) => {
    const frames = [{ no: 1 }, { no: 2, text: 'ä'.repeat(9000) }, { no: 3 }, { no: 4 }];
    const bytes = Buffer.concat(frames.map(frameOf));
    const heard: unknown[] = [];
    const { buffer, callback } = frameReader((frame) => heard.push(frame), bytes.subarray(0, 30));
    for (let at = 30; at < bytes.length; at += size) callback(bytes.copy(buffer, 0, at, at + size), buffer);
    expect(heard).toEqual(frames);
  });
});
