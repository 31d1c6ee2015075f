import type { Response } from 'express';

/** Aborts when the caller hangs up, or has been answered. */
export function whenClosed(res: Response): AbortSignal {
  const closed = new AbortController();
  res.once('close', () => closed.abort());
  return closed.signal;
}
