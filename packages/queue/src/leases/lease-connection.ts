import type { ClientConfig } from 'pg';

import type { RedisAddress } from '../redis/address.ts';
import type { LeaseExtender } from './lease-renewal.ts';

/** Where leases are renewed, as plain data that travels to the thread. */
export type LeaseAddress =
  | { kind: 'redis'; address: RedisAddress; prefix: string; connectionName: string }
  | { kind: 'postgres'; config: ClientConfig };

/** One connection that only renews. It connects by itself, and again whenever it must. */
export interface LeaseConnection extends LeaseExtender {
  close(): Promise<void>;
}
