import { backendOf } from './queue-url.ts';
import { parseRedisUrl } from './redis/address.ts';
import { DEFAULT_PREFIX, queueNameOf, queuePrefix } from './redis/keys.ts';

/**
 * Where a stock BullMQ `Queue` finds the queue of an organization. On a cluster the prefix names the shard as well.
 * @throws BullpenError CONFIG_INVALID
 * @example new Queue(name, { connection, prefix })
 */
export function bullQueueAddress({ url, prefix = DEFAULT_PREFIX, orgId }: { url: string; prefix?: string; orgId: string }): { name: string; prefix: string } {
  const isCluster = backendOf(url) === 'redis' && parseRedisUrl(url).kind === 'cluster';
  return { name: queueNameOf(orgId), prefix: queuePrefix(prefix, orgId, isCluster) };
}
