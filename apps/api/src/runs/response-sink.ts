import type { Response } from 'express';

import type { FrameSink } from './run-event-stream.ts';

type Sink = Pick<Response, 'writable' | 'destroyed' | 'closed' | 'write' | 'once' | 'off'>;

/** A slow client is waited for: nothing is buffered beyond the socket's own buffer. */
export function sinkOf(res: Sink): FrameSink {
  return {
    async write(frame) {
      if (res.writable && !res.destroyed && !res.write(frame)) await drained(res);
    },
  };
}

/** Or closed: then nobody reads any more. Where it is closed already neither is heard. */
async function drained(res: Sink): Promise<void> {
  if (res.closed || res.destroyed) return;
  const { promise, resolve } = Promise.withResolvers<void>();
  const go = (): void => resolve();
  res.once('drain', go).once('close', go);
  await promise;
  // A long stream drains often: what is left behind each time would add up.
  res.off('drain', go).off('close', go);
}
