import type { Redis } from 'ioredis';

import type { Standing } from '../standing.ts';
import { readySetKey } from './keys.ts';

/** Reads at one moment (MULTI) where an organization stands: its own virtual time, and how many are offered below it. */
export async function readStanding(client: Redis, prefix: string, orgId: string): Promise<Standing> {
  const key = (name: Parameters<typeof readySetKey>[1]) => readySetKey(prefix, name);
  const replies = await client.multi()
    .zrank(key('ready'), orgId)
    .hget(key('vtime'), orgId)
    .hget(key('memory'), orgId)
    .exec();
  const [rank, virtualTime, inFlightMb] = (replies ?? []).map(([, reply]) => reply as string | number | null);
  const inLine = typeof rank === 'number' ? rank : await client.zcount(key('ready'), '-inf', `(${virtualTime ?? '-inf'}`);
  return { organizationsAhead: inLine, inFlightMb: inFlightMb == null ? null : Number(inFlightMb) };
}
