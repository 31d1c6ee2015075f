import type { Pool } from 'pg';

import { BAND_SIZE, type FlowDemand, type InnerOrderStore } from '../inner-order.ts';
import { queueNameOf } from '../redis/keys.ts';
import { loadStatements, type RunStatement } from './statements.ts';

/** The flows of each organization in a table beside the ready set. */
export class PostgresInnerOrderStore implements InnerOrderStore {
  readonly #run: RunStatement;

  constructor(pool: Pool) {
    this.#run = loadStatements(pool);
  }

  async ordered(orgIds: readonly string[]): Promise<ReadonlySet<string>> {
    const rows = await this.#run<{ org_id: string }>('ordered', [orgIds]);
    return new Set(rows.map((row) => row.org_id));
  }

  async extend(orgId: string, demands: readonly FlowDemand[]): Promise<Map<string, number>> {
    const rows = await this.#run<{ flow: string; start: number }>('extend-flows', [
      orgId,
      queueNameOf(orgId),
      demands.map(({ flow }) => flow),
      demands.map(({ band }) => band),
      demands.map(({ runs }) => runs),
      BAND_SIZE,
    ]);
    return new Map(rows.map((row) => [row.flow, row.start]));
  }
}
