/**
 * Every Redis key that this package names itself. BullMQ names the keys of a queue (`<prefix>:<queue>:<word>`); the
 * empty segment after the prefix keeps ours out of that space, and no key ends in a word that tools take for a queue's.
 */

/** Of every key, where nobody says otherwise. */
export const DEFAULT_PREFIX = 'bullpen';

/** The name of an organization's BullMQ queue. The braces are a hash tag: all keys of one queue share a cluster slot. */
export function queueNameOf(orgId: string): string {
  return `{${orgId}}`;
}

/** In the order in which the Lua scripts take them. */
export const READY_SET_KEYS = [
  'ready', 'later', 'parked', 'known', 'vtime', 'clock', 'wake', 'claimed', 'unsettled', 'limits', 'memory', 'sweep', 'elsewhere',
] as const;

type ReadySetKey = (typeof READY_SET_KEYS)[number];

/** Parts of the ready set on a cluster, each in a slot of its own. A single Redis has one, and so loses nothing. */
export const CLUSTER_SHARDS = 16;

/** A key of the ready set. All of a shard share one hash tag. */
export function readySetKey(prefix: string, key: ReadySetKey, shard: number): string {
  return `${prefix}::ready:{shard-${shard}}:${key}`;
}

/** On a cluster: where workers block for all shards. */
export function clusterWakeKey(prefix: string): string {
  return `${prefix}::ready:{wake}:wake`;
}

/** Which shard keeps an organization (FNV-1a, 32 bits). */
export function shardOf(orgId: string, shards: number): number {
  let hash = 0x811c9dc5;
  for (let i = 0; i < orgId.length; i += 1) hash = Math.imul(hash ^ orgId.charCodeAt(i), 0x01000193) >>> 0;
  return hash % shards;
}

/** Where the flows of an organization finish; in the slot of its queue. */
export function orderKey(prefix: string, orgId: string): string {
  return `${prefix}::order:${queueNameOf(orgId)}`;
}

/** BullMQ's own: the jobs of a queue that have a priority. */
export function prioritizedKey(prefix: string, orgId: string): string {
  return `${prefix}:${queueNameOf(orgId)}:prioritized`;
}
