import type { Response } from 'express';

/** Aborts when the caller hangs up, or has been answered; also where he did so before this was asked. */
export function whenClosed(res: Response): AbortSignal {
  const closed = new AbortController();
  if (res.closed || res.destroyed) closed.abort();
  else res.once('close', () => closed.abort());
  return closed.signal;
}
