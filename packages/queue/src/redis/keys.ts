/**
 * Every Redis key that this package names itself. BullMQ names the keys of a queue (`<prefix>:<queue>:<word>`); the
 * empty segment after the prefix keeps ours out of that space, and no key ends in a word that tools take for a queue's.
 */

/** Of every key, where nobody says otherwise. */
export const DEFAULT_PREFIX = 'bullpen';

/** Parts of a cluster, each in one slot: a ready set and the queues of its organizations. A single Redis is one part. */
export const CLUSTER_SHARDS = 16;

/**
 * What the keys of a shard begin with. Its braces come first in every key, and so are the hash tag of all of them: a script
 * may touch the ready set and the queues of the shard at once.
 */
export function shardPrefix(prefix: string, shard: number): string {
  return `${prefix}{shard-${shard}}`;
}

/** Which shard keeps an organization (FNV-1a, 32 bits). */
export function shardOf(orgId: string, shards: number): number {
  let hash = 0x811c9dc5;
  for (let i = 0; i < orgId.length; i += 1) hash = Math.imul(hash ^ orgId.charCodeAt(i), 0x01000193) >>> 0;
  return hash % shards;
}

/** What the keys of an organization's queue begin with; the `prefix` for a stock BullMQ `Queue`. */
export function queuePrefix(prefix: string, orgId: string, isCluster: boolean): string {
  return isCluster ? shardPrefix(prefix, shardOf(orgId, CLUSTER_SHARDS)) : prefix;
}

/** On a cluster: where workers block for all shards. */
export function clusterWakeKey(prefix: string): string {
  return `${prefix}::ready:{wake}:wake`;
}

/** The name of an organization's BullMQ queue. */
export function queueNameOf(orgId: string): string {
  return `{${orgId}}`;
}

/** What the keys of every queue begin with: `head`, the organization, `tail`. */
export function queueAffixes(prefix: string): { head: string; tail: string } {
  return { head: `${prefix}:{`, tail: '}:' };
}

/** In the order in which the Lua scripts take them. */
export const READY_SET_KEYS = ['ready', 'later', 'parked', 'known', 'vtime', 'clock', 'wake', 'limits', 'memory', 'sweep', 'elsewhere'] as const;

type ReadySetKey = (typeof READY_SET_KEYS)[number];

/** A key of the ready set. All share one hash tag. */
export function readySetKey(prefix: string, key: ReadySetKey): string {
  return `${prefix}::ready:{shard-0}:${key}`;
}

/** Where the flows of an organization finish; in the slot of its queue. */
export function orderKey(prefix: string, orgId: string): string {
  return `${prefix}::order:${queueNameOf(orgId)}`;
}

/** What the channels of the live bus begin with. Channels are a whole server's, whatever database a connection has chosen. */
export function liveHead(prefix: string, db: number): string {
  return `${prefix}::live:${db}:`;
}

/** BullMQ's own: the jobs of a queue that have a priority. */
export function prioritizedKey(prefix: string, orgId: string): string {
  return `${prefix}:${queueNameOf(orgId)}:prioritized`;
}

/** What the keys of the queues of webhooks begin with. One slot on a cluster; no organization's queue begins so. */
export function laneQueuePrefix(prefix: string): string {
  return `${prefix}{webhooks}`;
}
