import type { Clock, Logger } from '@bullpen/core';

import type { ReadySet } from '../ready-set.ts';
import { connect, createBlockingClient, createMainClient, quit } from '../redis/connections.ts';
import { readySetKey } from '../redis/keys.ts';
import { RedisReadySet } from '../redis/ready-set.ts';
import { Wake } from '../redis/wake.ts';

const QUIT_WITHIN_MS = 1000;

/** The ready set of a Redis by itself, without queues: to hold other implementations against it. */
export async function openRedisReadySet({ url, prefix, clock, log }: { url: string; prefix: string; clock: Clock; log: Logger }): Promise<{ readySet: ReadySet; close(): Promise<void> }> {
  const client = createMainClient({ url, connectionName: `${prefix}:model`, log });
  const blocking = createBlockingClient({ url, connectionName: `${prefix}:model-blocking`, log });
  await connect(client);
  return {
    readySet: new RedisReadySet({ client, wake: new Wake({ client, blocking, key: readySetKey(prefix, 'wake', 0) }), prefix, shard: 0, clock }),
    async close() {
      blocking.disconnect();
      await quit(client, QUIT_WITHIN_MS);
    },
  };
}
