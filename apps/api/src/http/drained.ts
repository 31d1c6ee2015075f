import type { Response } from 'express';

export type Draining = Pick<Response, 'destroyed' | 'closed' | 'once' | 'off'>;

/** Resolves when more may be written, or nobody is there to read it. Where it is closed already neither is heard. */
export async function drained(res: Draining): Promise<void> {
  if (res.closed || res.destroyed) return;
  const { promise, resolve } = Promise.withResolvers<void>();
  const go = (): void => resolve();
  res.once('drain', go).once('close', go);
  await promise;
  // A long answer drains often: what is left behind each time would add up.
  res.off('drain', go).off('close', go);
}
