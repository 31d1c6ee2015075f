import type { Response } from 'express';

import { drained, type Draining } from '../http/drained.ts';
import type { FrameSink } from './run-event-stream.ts';

type Sink = Draining & Pick<Response, 'writable' | 'write'>;

/** A slow client is waited for: nothing is buffered beyond the socket's own buffer. */
export function sinkOf(res: Sink): FrameSink {
  return {
    async write(frame) {
      if (res.writable && !res.destroyed && !res.write(frame)) await drained(res);
    },
  };
}
