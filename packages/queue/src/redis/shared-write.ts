import type { Redis } from 'ioredis';

/**
 * What is sent from here to the end of this turn of the event loop leaves in one write, in its order: where many runs end together, as the rows of one
 * statement, each message of its own would cost a system call, and wake the server. Nothing waits for company: the turn is what it takes anyway.
 */
export function shareWrite(node: Redis): void {
  const stream = node.stream as Redis['stream'] | undefined; // none until it connects
  if (stream === undefined || stream.writableCorked > 0) return;
  stream.cork();
  process.nextTick(() => stream.uncork());
}
