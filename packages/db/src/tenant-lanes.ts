import type { PostgresJsDatabase } from 'drizzle-orm/postgres-js';
import type postgres from 'postgres';

import type * as schema from './schema.ts';

/** What statements are written with. */
export interface Statements {
  readonly sql: postgres.Sql;
  readonly orm: PostgresJsDatabase<typeof schema>;
}

interface Lane extends Statements {
  /** For which its connection is set; null: for none, or a new connection that nobody has set yet. */
  orgId: string | null;
}

/**
 * Single connections, each of the role bullpen_tenant and each lent to one caller at a time. What it guarantees:
 *
 * - The lane is set to the caller's organization (`app.org_id`) before its first statement arrives, in the same packet,
 *   and to nobody else's until it is given back: no transaction is needed, and no second round trip.
 * - A lane that stays with an organization is not set again. When its connection is lost, the new one is set for nobody,
 *   on which a tenant's statement fails (SQLSTATE BP002, which counts as unavailable) and shows nothing.
 * - Callers are served in the order in which they came; lanes are opened when they are needed.
 */
export class TenantLanes {
  readonly #open: (onclose: () => void) => Statements;
  readonly #most: number;
  readonly #lanes: Lane[] = [];
  readonly #free: Lane[] = [];
  readonly #waiting: ((lane: Lane) => void)[] = [];

  /** @param open - one connection, not more; `onclose` is to be told when it is lost. */
  constructor(most: number, open: (onclose: () => void) => Statements) {
    this.#most = most;
    this.#open = open;
  }

  async use<T>(orgId: string, act: (statements: Statements) => PromiseLike<T>): Promise<T> {
    const lane = this.#takeFree(orgId) ?? await new Promise<Lane>((resolve) => { this.#waiting.push(resolve); });
    try {
      return await actFor(lane, orgId, act);
    } finally {
      const next = this.#waiting.shift();
      if (next) next(lane);
      else this.#free.push(lane);
    }
  }

  async end(timeoutS: number): Promise<void> {
    await Promise.all(this.#lanes.map((lane) => lane.sql.end({ timeout: timeoutS })));
  }

  #takeFree(orgId: string): Lane | undefined {
    const own = this.#free.findIndex((lane) => lane.orgId === orgId);
    if (own >= 0) return this.#free.splice(own, 1)[0];
    if (this.#free.length > 0 || this.#lanes.length === this.#most) return this.#free.shift();
    const lane: Lane = { ...this.#open(() => { lane.orgId = null; }), orgId: null };
    this.#lanes.push(lane);
    return lane;
  }
}

async function actFor<T>(lane: Lane, orgId: string, act: (statements: Statements) => PromiseLike<T>): Promise<T> {
  if (lane.orgId === orgId) return act(lane);
  // Before it is set, so that a connection that is lost meanwhile takes it back.
  lane.orgId = orgId;
  const setting = lane.sql`SELECT set_config('app.org_id', ${orgId}, false)`.execute();
  // Both must be over before the lane is lent again, whichever fails.
  const [set, acted] = await Promise.allSettled([setting, Promise.resolve().then(() => act(lane))]);
  if (set.status === 'rejected') {
    lane.orgId = null;
    throw set.reason;
  }
  if (acted.status === 'rejected') throw acted.reason;
  return acted.value;
}
