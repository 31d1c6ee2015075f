import { BullpenError, messageOf, silentLogger, type Deadline, type Logger, type Service } from '@bullpen/core';
import { drizzle } from 'drizzle-orm/postgres-js';
import postgres from 'postgres';

import * as schema from './schema.ts';
import { TenantLanes, type Statements } from './tenant-lanes.ts';

/**
 * Two sets of connections to Postgres: a pool that is the owner of the tables, for what concerns many organizations, and
 * lanes that are the role bullpen_tenant, for what concerns one. Nothing is opened before the first query; a stopped database can be started
 * again. Connections speak UTC, and a lost one is opened anew by the next query: what to repeat after a loss is the
 * caller's to know (the run store does).
 */
export interface Database extends Service, Statements {
  /**
   * Runs statements as the role bullpen_tenant for one organization: row level security shows and lets them change
   * nothing of another, whatever they ask for. Also what it throws is theirs.
   */
  tenant<T>(orgId: string, act: (statements: Statements) => PromiseLike<T>): Promise<T>;
  /** As `tenant`, for what lasts as long as a client reads: on connections of its own, so that slow clients hold up each other at most. */
  tenantExport<T>(orgId: string, act: (statements: Statements) => PromiseLike<T>): Promise<T>;
  /** Statements of `tenant` that happen together or not at all. */
  tenantTransaction<T>(orgId: string, act: (sql: postgres.Sql) => Promise<T>): Promise<T>;
  /** The owner's statements that happen together or not at all: for what one statement cannot say. One at a time. */
  transaction<T>(act: (sql: postgres.Sql) => Promise<T>): Promise<T>;
  /** The owner's connections for statements that add rows, or find them by whole keys: they plan each of them once. */
  readonly keyed: postgres.Sql;
  /** @throws BullpenError SERVICE_UNAVAILABLE where Postgres does not answer. */
  ping(): Promise<void>;
}

export interface DatabaseOptions {
  url: string;
  /** Connections of the owner at most; default 10. */
  maxConnections?: number;
  /** Connections of bullpen_tenant at most; default 5. */
  maxTenantConnections?: number;
  applicationName?: string;
  log?: Logger;
}

const DEFAULT_MAX_CONNECTIONS = 10;
/** The run store has one statement of each kind under way; so have the audit log and the look-up of versions. */
const KEYED_CONNECTIONS = 4;
/** A lane is held for one statement, mostly half a millisecond. */
const DEFAULT_MAX_TENANT_CONNECTIONS = 5;
const EXPORT_CONNECTIONS = 2;
const CONNECT_TIMEOUT_MS = 5000;
// postgres.js waits up to 20 s between attempts by default; an outage of a second must not last twenty.
const RECONNECT_DELAY_MS = 100;
// Nothing of ours is under way any more at a stop, and postgres.js 3.4 would wait without end for the reply on a
// connection that the server had terminated.
const LONGEST_GOODBYE_MS = 1000;

/**
 * Our statements find at most some hundred rows by an index, in tables that grow by thousands of rows a second while
 * their statistics lag a minute behind. A plan kept from when the table was small reads all of it later (measured: 1.6 s
 * for 200 rows of 20,000), so each execution is planned anew, by the size of that moment; it costs 0.05 ms.
 */
const LOOKUP_PLANS = { plan_cache_mode: 'force_custom_plan', enable_hashjoin: 'off', enable_mergejoin: 'off' };

/**
 * One row by a whole key is found by that key's index in a table of any size, if only the planner may not read the table
 * instead while it believes it to be empty. So these plans are made once and kept, which more than halves such a statement
 * (measured on 2 cores: 0.26 ms planned anew, 0.10 kept). A statement that adds rows reads no table but those of its foreign keys, by whole keys.
 */
const KEYED_PLANS = { plan_cache_mode: 'force_generic_plan', enable_seqscan: 'off', enable_bitmapscan: 'off' };

/** A lane of the owner's is set for nobody. */
const NO_ORGANIZATION = '';

const TIMESTAMPTZ_OID = 1184;
const INT8_OID = 20;

interface Client extends Statements {
  lanes: TenantLanes;
  exportLanes: TenantLanes;
  ownerLane: TenantLanes;
  keyed: postgres.Sql;
}

export function createDatabase(options: DatabaseOptions): Database {
  let client = openClient(options);
  let stopped = false;
  return {
    get sql() {
      return client.sql;
    },
    get orm() {
      return client.orm;
    },
    get keyed() {
      return client.keyed;
    },
    tenant(orgId, act) {
      return client.lanes.use(orgId, act);
    },
    tenantExport(orgId, act) {
      return client.exportLanes.use(orgId, act);
    },
    transaction(act) {
      return client.ownerLane.transaction(NO_ORGANIZATION, act);
    },
    tenantTransaction(orgId, act) {
      return client.lanes.transaction(orgId, act);
    },
    async ping() {
      await client.sql`SELECT 1`.catch((error: unknown) => {
        throw new BullpenError('SERVICE_UNAVAILABLE', `Postgres does not answer: ${messageOf(error)}`, {}, { cause: error });
      });
    },
    async start() {
      if (stopped) client = openClient(options);
      stopped = false;
      await this.ping();
    },
    async quiesce() {
      // Others still write what they finish: connections stay until stop.
    },
    async stop(by: Deadline) {
      if (stopped) return;
      stopped = true;
      const timeout = Math.min(by.remainingMs, LONGEST_GOODBYE_MS) / 1000;
      await Promise.all([client.lanes.end(timeout), client.exportLanes.end(timeout), client.ownerLane.end(timeout), client.keyed.end({ timeout }), client.sql.end({ timeout })]);
    },
  };
}

function openClient(options: DatabaseOptions): Client {
  const owner = openConnections(options, { max: options.maxConnections ?? DEFAULT_MAX_CONNECTIONS });
  const openTenant = (onclose: () => void) => openConnections(options, { max: 1, onclose, connection: { role: 'bullpen_tenant' } });
  const lanes = new TenantLanes(options.maxTenantConnections ?? DEFAULT_MAX_TENANT_CONNECTIONS, openTenant);
  const exportLanes = new TenantLanes(EXPORT_CONNECTIONS, openTenant);
  const ownerLane = new TenantLanes(1, (onclose) => openConnections(options, { max: 1, onclose }));
  const { sql: keyed } = openConnections(options, { max: KEYED_CONNECTIONS, connection: KEYED_PLANS });
  return { ...owner, lanes, exportLanes, ownerLane, keyed };
}

/** Opens nothing yet: the first statement does. */
function openConnections(options: DatabaseOptions, own: { max: number; onclose?: () => void; connection?: Record<string, string> }): Statements {
  const log = options.log ?? silentLogger;
  const sql = postgres(options.url, {
    connect_timeout: CONNECT_TIMEOUT_MS / 1000,
    backoff: () => RECONNECT_DELAY_MS / 1000,
    // Arrays go as literals that we write (array-literal.ts), so a new connection need not read pg_type first.
    fetch_types: false,
    onnotice: (notice) => log.debug({ notice: notice['message'] }, 'postgres.notice'),
    ...own,
    connection: { application_name: options.applicationName ?? 'bullpen', TimeZone: 'UTC', ...LOOKUP_PLANS, ...own.connection },
  });
  const orm = drizzle(sql, { schema });
  readIsoTimes(sql);
  return { sql, orm };
}

/**
 * Times come as ISO 8601 strings in UTC and 64-bit integers as numbers, through drizzle as through plain SQL. Set
 * after drizzle has taken the client, since drizzle replaces the parsers of dates with its own.
 */
function readIsoTimes(sql: postgres.Sql): void {
  const parsers = sql.options.parsers as Record<number, (text: string) => unknown>;
  parsers[TIMESTAMPTZ_OID] = (text) => new Date(text).toISOString();
  parsers[INT8_OID] = (text) => Number(text);
}
