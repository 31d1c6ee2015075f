import { DEFAULT_POOL_MB, type Logger, type Service } from '@bullpen/core';
import { adminListOrganizations, type Database } from '@bullpen/db';

import { periodic } from './periodic.ts';

/**
 * The memory pool and the weight of every organization, read at start and again every `refreshMs`, so that admission needs no round
 * trip. An organization made since the last read has the default pool and weight until the next.
 */
export class OrganizationPools implements Service {
  readonly #db: Database;
  readonly #refresh: Service;
  #poolMb = new Map<string, number>();
  #weights = new Map<string, number>();

  constructor(db: Database, log: Logger, refreshMs: number) {
    this.#db = db;
    this.#refresh = periodic('organization-pools', refreshMs, log, () => this.#read());
  }

  poolMbOf(orgId: string): number {
    return this.#poolMb.get(orgId) ?? DEFAULT_POOL_MB;
  }

  /** Its share relative to others', 1 by default. */
  weightOf(orgId: string): number {
    return this.#weights.get(orgId) ?? 1;
  }

  async start(): Promise<void> {
    await this.#read();
    await this.#refresh.start();
  }

  async quiesce(): Promise<void> {}

  async stop(by: Parameters<Service['stop']>[0]): Promise<void> {
    await this.#refresh.stop(by);
  }

  async #read(): Promise<void> {
    const poolMb = new Map<string, number>();
    const weights = new Map<string, number>();
    let cursor: string | undefined;
    do {
      const page = await adminListOrganizations(this.#db, { limit: 1000, ...(cursor === undefined ? {} : { cursor }) });
      for (const { id, poolMb: ownMb, limits } of page.items) {
        poolMb.set(id, ownMb);
        weights.set(id, limits.weight);
      }
      cursor = page.nextCursor ?? undefined;
    } while (cursor !== undefined);
    this.#poolMb = poolMb;
    this.#weights = weights;
  }
}
