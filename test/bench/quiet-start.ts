import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';

import { Redis } from 'ioredis';

/** What a measurement starts from, so that the one before it is not in its figures. */

/**
 * Empties a Redis that was started for a benchmark alone. It writes each command to a file, as in production, and now and then a
 * shorter one: that is done here, for what was there before.
 */
export async function emptyRedis(redisUrl: string): Promise<void> {
  const admin = new Redis(redisUrl);
  await admin.flushall();
  await rewriteFile(admin);
  await admin.quit();
}

/** The same of a Redis that is to stay as full as it is: the next rewrite is then far away. */
export async function shortenRedisFile(redisUrl: string): Promise<void> {
  const admin = new Redis(redisUrl);
  await rewriteFile(admin);
  await admin.quit();
}

async function rewriteFile(admin: Redis): Promise<void> {
  // Refused while one is being written already.
  await admin.bgrewriteaof().catch(() => undefined);
  while (/aof_rewrite_(in_progress|scheduled):1/.test(await admin.info('persistence'))) await new Promise<void>((resolve) => { setTimeout(resolve, 20); });
}

/** What the measurement before left behind, thousands of workers for one, is not to be collected in the next one. */
export function collectGarbage(): void {
  setFlagsFromString('--expose-gc');
  (runInNewContext('gc') as () => void)();
}
