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

/** What the keys of every queue begin with: `head`, the organization, `tail`. */
export function queueAffixes(prefix: string): { head: string; tail: string } {
  return { head: `${prefix}:{`, tail: '}:' };
}

/** In the order in which the Lua scripts take them. */
export const READY_SET_KEYS = ['ready', 'later', 'parked', 'known', 'vtime', 'clock', 'wake', 'limits', 'memory', 'sweep'] as const;

type ReadySetKey = (typeof READY_SET_KEYS)[number];

/** A key of the ready set. All share one hash tag: a shard, of which there is one. */
export function readySetKey(prefix: string, key: ReadySetKey): string {
  return `${prefix}::ready:{shard-0}:${key}`;
}

/** Where the flows of an organization finish; in the slot of its queue. */
export function orderKey(prefix: string, orgId: string): string {
  return `${prefix}::order:${queueNameOf(orgId)}`;
}

/** BullMQ's own: the jobs of a queue that have a priority. */
export function prioritizedKey(prefix: string, orgId: string): string {
  return `${prefix}:${queueNameOf(orgId)}:prioritized`;
}
