import type { PostgresJsDatabase } from 'drizzle-orm/postgres-js';
import type postgres from 'postgres';

import { classifyFailure, isLostConnection } from './postgres-errors.ts';
import type * as schema from './schema.ts';

/** What statements are written with. */
export interface Statements {
  readonly sql: postgres.Sql;
  readonly orm: PostgresJsDatabase<typeof schema>;
}

interface Lane {
  readonly statements: Statements;
  /** For which its connection is set; null: nobody has set it yet. */
  orgId: string | null;
  /** Told when the connection is lost: the caller who has the lane at the time. */
  onLost: (error: Error) => void;
  isLost: boolean;
}

/**
 * Single connections, each of the role bullpen_tenant and each lent to one caller at a time. What it guarantees:
 *
 * - The lane is set to the caller's organization (`app.org_id`) before its first statement arrives, in the same packet,
 *   and to nobody else's until it is given back: no transaction is needed, and no second round trip. A lane that stays with
 *   an organization is not set again.
 * - A lane is one connection. When that is lost, what was under way on it rejects at once, and the lane is thrown away:
 *   postgres.js 3.4 would open another one in its place, which nobody has set, and which may wait for ever for what it did
 *   not send on the first. Were it used all the same, row level security would refuse (SQLSTATE BP002) and show nothing.
 * - Callers are served in the order in which they came; lanes are opened when they are needed.
 */
export class TenantLanes {
  readonly #open: (onclose: () => void) => Statements;
  readonly #most: number;
  readonly #lanes = new Set<Lane>();
  readonly #free: Lane[] = [];
  readonly #waiting: ((lane: Lane) => void)[] = [];

  /** @param open - one connection, not more; `onclose` is to be told when it is lost. */
  constructor(most: number, open: (onclose: () => void) => Statements) {
    this.#most = most;
    this.#open = open;
  }

  async use<T>(orgId: string, act: (statements: Statements) => PromiseLike<T>): Promise<T> {
    const lent = this.#takeFree(orgId) ?? await new Promise<Lane>((resolve) => { this.#waiting.push(resolve); });
    const lane = lent.isLost ? this.#replace(lent) : lent;
    try {
      const result = await orLost(lane, actFor(lane, orgId, act));
      this.#giveBack(lane);
      return result;
    } catch (error) {
      if (isLostConnection(error)) this.#distrustFree();
      this.#giveBack(classifyFailure(error) === 'unavailable' ? this.#replace(lane) : lane);
      throw error;
    }
  }

  /**
   * Statements that happen together or not at all. What the driver calls a transaction ends the process with an exception
   * that nobody can catch where its connection is lost (https://github.com/porsager/postgres/issues/1208); here that rejects,
   * and Postgres has taken back what was done. The answer of a commit may be lost as well: then it may stand.
   */
  transaction<T>(orgId: string, act: (sql: postgres.Sql) => Promise<T>): Promise<T> {
    return this.use(orgId, async ({ sql }) => {
      await sql`BEGIN`;
      try {
        const result = await act(sql);
        await sql`COMMIT`;
        return result;
      } catch (error) {
        // On a connection that is lost there is nothing to take back, and the lane refuses it.
        if (classifyFailure(error) !== 'unavailable') await sql`ROLLBACK`;
        throw error;
      }
    });
  }

  async end(timeoutS: number): Promise<void> {
    await Promise.all([...this.#lanes].map((lane) => lane.statements.sql.end({ timeout: timeoutS })));
  }

  #takeFree(orgId: string): Lane | undefined {
    const own = this.#free.findIndex((lane) => lane.orgId === orgId);
    if (own >= 0) return this.#free.splice(own, 1)[0];
    if (this.#free.length > 0 || this.#lanes.size === this.#most) return this.#free.shift();
    return this.#openLane();
  }

  #giveBack(lane: Lane): void {
    const next = this.#waiting.shift();
    if (next) next(lane);
    else this.#free.push(lane);
  }

  /** They were open as well when one was lost, and that a server is gone is heard on each of them by itself. A new connection costs less than another failure. */
  #distrustFree(): void {
    for (const lane of this.#free) lane.isLost = true;
  }

  #openLane(): Lane {
    const { sql, orm } = this.#open(() => {
      lane.isLost = true;
      lane.onLost(connectionLost());
    });
    // What comes after the loss must not go to a connection that knows of no organization and no transaction.
    const guarded = new Proxy(sql, {
      apply(target, self, args) {
        if (lane.isLost) throw connectionLost();
        return Reflect.apply(target, self, args) as unknown;
      },
      get(target, name) {
        if (lane.isLost && name === 'unsafe') throw connectionLost();
        return Reflect.get(target, name) as unknown;
      },
    });
    const lane: Lane = { statements: { sql: guarded, orm }, orgId: null, onLost: NOBODY, isLost: false };
    this.#lanes.add(lane);
    return lane;
  }

  #replace(lane: Lane): Lane {
    this.#lanes.delete(lane);
    lane.statements.sql.end({ timeout: 0 }).catch(() => undefined);
    return this.#openLane();
  }
}

const NOBODY = (): void => undefined;

/** Settles as `acting` does, or rejects when the connection is lost first. A promise of the loss would keep each caller's answer for as long as the lane lives. */
function orLost<T>(lane: Lane, acting: Promise<T>): Promise<T> {
  return new Promise<T>((resolve, reject) => {
    lane.onLost = reject;
    acting.then(resolve, reject);
  }).finally(() => { lane.onLost = NOBODY; });
}

function connectionLost(): Error {
  return Object.assign(new Error('the connection was lost'), { code: 'CONNECTION_CLOSED' });
}

async function actFor<T>(lane: Lane, orgId: string, act: (statements: Statements) => PromiseLike<T>): Promise<T> {
  if (lane.orgId === orgId) return act(lane.statements);
  const setting = lane.statements.sql`SELECT set_config('app.org_id', ${orgId}, false)`.execute();
  // Both must be over before the lane is lent again, whichever fails.
  const [set, acted] = await Promise.allSettled([setting, Promise.resolve().then(() => act(lane.statements))]);
  lane.orgId = set.status === 'fulfilled' ? orgId : null;
  if (set.status === 'rejected') throw set.reason;
  if (acted.status === 'rejected') throw acted.reason;
  return acted.value;
}
