import { readFileSync } from 'node:fs';

import type { LeaseAddress, LeaseConnection } from '../leases/lease-connection.ts';
import { queueNameOf, queuePrefix } from './keys.ts';
import { newClient } from './new-client.ts';

type Extend = (stalledKey: string, lockPrefix: string, leaseMs: number, ...idsAndTokens: string[]) => Promise<string[]>;

/** For the lease thread: one connection, one script per organization. */
export function openRedisLeases({ address, prefix, connectionName }: LeaseAddress & { kind: 'redis' }, onError: (error: unknown) => void): LeaseConnection {
  const client = newClient(address, connectionName, { maxRetriesPerRequest: 3 });
  client.on('error', onError);
  client.defineCommand('bullpen:extend-leases', { numberOfKeys: 1, lua: readFileSync(new URL('./lua/extend-leases.lua', import.meta.url), 'utf8') });
  const extend = (client as unknown as Record<string, Extend>)['bullpen:extend-leases']!.bind(client);
  return {
    extendLeases(orgId, runIds, leaseTokens, leaseMs) {
      const queueKey = `${queuePrefix(prefix, orgId, address.kind === 'cluster')}:${queueNameOf(orgId)}:`;
      return extend(`${queueKey}stalled`, queueKey, leaseMs, ...runIds.flatMap((runId, i) => [runId, leaseTokens[i]!]));
    },
    async close() {
      client.disconnect();
    },
  };
}
