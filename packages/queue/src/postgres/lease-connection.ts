import { readFileSync } from 'node:fs';
import pg from 'pg';

import type { LeaseAddress, LeaseConnection } from '../leases/lease-connection.ts';
import { queueNameOf } from '../redis/keys.ts';

/** For the lease thread: one connection. */
export function openPostgresLeases({ config }: LeaseAddress & { kind: 'postgres' }, onError: (error: unknown) => void): LeaseConnection {
  const pool = new pg.Pool({ ...config, max: 1 });
  pool.on('error', onError);
  const text = readFileSync(new URL('./sql/extend-leases.sql', import.meta.url), 'utf8');
  return {
    async extendLeases(orgId, runIds, leaseTokens, leaseMs) {
      const { rows } = await pool.query<{ id: string }>({ name: 'bullpen:extend-leases', text, values: [queueNameOf(orgId), runIds, leaseTokens, Date.now() + Math.ceil(leaseMs)] });
      return rows.map(({ id }) => id);
    },
    async close() {
      await pool.end().catch(() => undefined);
    },
  };
}
