import type { Standing } from '../standing.ts';
import { readySetKey, shardOf } from './keys.ts';
import type { RedisClient } from './new-client.ts';

/** Reads at one moment (MULTI) where an organization stands: its own virtual time, and how many are offered below it. */
export async function readStanding(client: RedisClient, prefix: string, shards: number, orgId: string): Promise<Standing> {
  const own = shardOf(orgId, shards);
  const key = (name: Parameters<typeof readySetKey>[1], shard = own) => readySetKey(prefix, name, shard);
  const replies = await client.multi()
    .zscore(key('ready'), orgId)
    .hget(key('vtime'), orgId)
    .hget(key('memory'), orgId)
    .zrank(key('ready'), orgId)
    .exec();
  const [score, virtualTime, inFlightMb, rank] = (replies ?? []).map(([, reply]) => reply as string | number | null);
  const time = score ?? virtualTime ?? '-inf';
  const below = (shard: number): Promise<number> => client.zcount(key('ready', shard), '-inf', `(${time}`);
  const inOthers = await Promise.all(Array.from({ length: shards }, async (_, shard) => (shard === own && typeof rank === 'number' ? rank : below(shard))));
  return { organizationsAhead: inOthers.reduce((sum, count) => sum + count, 0), inFlightMb: inFlightMb == null ? null : Number(inFlightMb) };
}
