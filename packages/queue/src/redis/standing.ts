
import type { Standing } from '../standing.ts';
import { readySetKey } from './keys.ts';
import type { RedisClient } from './new-client.ts';

/**
 * Reads at one moment (MULTI) where an organization stands: its own virtual time, and how many are offered below it.
 * @param others - prefixes of the other shards of a cluster
 */
export async function readStanding(client: RedisClient, prefix: string, orgId: string, others: readonly string[] = []): Promise<Standing> {
  const key = (name: Parameters<typeof readySetKey>[1]) => readySetKey(prefix, name);
  const replies = await client.multi()
    .zrank(key('ready'), orgId)
    .hget(key('vtime'), orgId)
    .hget(key('memory'), orgId)
    .zscore(key('ready'), orgId)
    .exec();
  const [rank, virtualTime, inFlightMb, score] = (replies ?? []).map(([, reply]) => reply as string | number | null);
  const below = `(${score ?? virtualTime ?? '-inf'}`;
  const inLine = typeof rank === 'number' ? rank : await client.zcount(key('ready'), '-inf', below);
  const inOthers = await Promise.all(others.map((other) => client.zcount(readySetKey(other, 'ready'), '-inf', below)));
  return { organizationsAhead: inOthers.reduce((sum, count) => sum + count, inLine), inFlightMb: inFlightMb == null ? null : Number(inFlightMb) };
}
