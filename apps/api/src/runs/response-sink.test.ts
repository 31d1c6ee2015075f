import { Writable } from 'node:stream';

import { describe, expect, it } from '@jest/globals';
import type { Response } from 'express';

import { sinkOf } from './response-sink.ts';
import { whenClosed } from './when-closed.ts';

/** Takes one byte and no more. */
function stuck() {
  return new Writable({ highWaterMark: 1, write: () => undefined }) as unknown as Response;
}

describe('what is written to a response', () => {
  it('is waited for until the client leaves', async () => {
    const res = stuck();
    let isOver = false;
    const writing = sinkOf(res).write('a frame').then(() => { isOver = true; });
    await new Promise(setImmediate);
    expect(isOver).toBe(false);
    res.destroy();
    await writing;
    expect(res.listenerCount('drain')).toBe(0);
  });

  it('is waited for no more where the client has left', async () => {
    const res = stuck();
    res.destroy();
    await sinkOf(res).write('a frame');
    // Leaves as the frame is written.
    const leaving = stuck();
    leaving.write = () => {
      leaving.destroy();
      return false;
    };
    await sinkOf(leaving).write('a frame');
  });

  it('is over where the client has left before anybody asked', async () => {
    const res = stuck();
    const early = whenClosed(res);
    res.destroy();
    await new Promise(setImmediate);
    expect([early.aborted, whenClosed(res).aborted]).toEqual([true, true]);
  });
});
