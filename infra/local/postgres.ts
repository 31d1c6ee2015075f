import { readFileSync } from 'node:fs';

import postgres from 'postgres';

import { BullpenError, Deadline, messageOf, type Service } from '@bullpen/core';

import { freePort } from './free-port.ts';
import { spawnGuarded, type GuardedProcess } from './guarded-process.ts';
import { pollUntil } from './poll.ts';
import { choosePostgresAccount, type Account } from './postgres-account.ts';
import { findPostgresBinaries, type PostgresBinaries } from './postgres-binaries.ts';
import { POSTGRES_ENV, POSTGRES_USER, clusterDirOf, openCluster, type Cluster } from './postgres-cluster.ts';
import { clearOrphanedPostmaster } from './postgres-orphan.ts';

/** Recovery after a power cut may read a gigabyte of log; a clean start takes a fraction of a second. */
const READY_MS = 60_000;
/** A port taken by another process in between, or the memory of a killed postmaster not yet let go: tried again. */
const START_TRIES = 5;

/**
 * Real Postgres from npm, on loopback only, as an ordinary account. Guarantees: the data in `dataDir` stays between starts
 * and survives a kill at any moment; one start at a time uses it (the caller holds the lock of the folder); the server
 * does not outlive this process.
 */
export interface EmbeddedPostgres extends Service {
  /** Connection URL of a database; only after `start`. */
  url(database: string): string;
  /** What was chosen, for a line of output; only after `start`. */
  readonly facts: { readonly port: number; readonly account: string | null; readonly binariesCopied: boolean; readonly dataDir: string };
}

export interface EmbeddedPostgresOptions {
  readonly dataDir: string;
  readonly logFile: string;
  /** Default: a free one, another at each start. */
  readonly port?: number;
  /** Databases that are there after `start`. */
  readonly databases?: readonly string[];
  /** false: no fsync, for tests whose data dies with them. */
  readonly durable: boolean;
  /** Told when the server ended although nobody stopped it. */
  readonly onDeath?: (what: string) => void;
}

interface Running {
  readonly cluster: Cluster;
  readonly binaries: PostgresBinaries;
  readonly account: Account | null;
  readonly port: number;
  readonly server: GuardedProcess;
}

export function createEmbeddedPostgres(options: EmbeddedPostgresOptions): EmbeddedPostgres {
  let running: Running | null = null;
  const mustRun = (): Running => {
    if (!running) throw new BullpenError('SERVICE_UNAVAILABLE', 'Postgres has not been started');
    return running;
  };
  return {
    async start() {
      running ??= await startServer(options);
      const { server } = running;
      void server.exited.then((code) => running?.server === server && options.onDeath?.(`Postgres ended with code ${code}; see ${options.logFile}`));
      await ensureDatabases(running, options.databases ?? []);
    },
    async quiesce() {},
    async stop(by) {
      const stopping = running;
      running = null;
      await stopping?.server.stop(by);
    },
    url: (database) => urlOf(mustRun(), database),
    get facts() {
      const { port, account, binaries } = mustRun();
      return { port, account: account?.name ?? null, binariesCopied: binaries.copied, dataDir: options.dataDir };
    },
  };
}

async function startServer(options: EmbeddedPostgresOptions): Promise<Running> {
  const account = choosePostgresAccount(clusterDirOf(options.dataDir));
  const binaries = findPostgresBinaries(account);
  const cluster = await openCluster(options.dataDir, binaries, account, options.durable);
  await clearOrphanedPostmaster(cluster.dir);
  for (let attempt = 1; ; attempt += 1) {
    const port = options.port ?? await freePort();
    const server = spawnGuarded({
      command: binaries.postgres,
      args: ['-D', cluster.dir, ...settings(port, options.durable)],
      stopSignal: 'INT', // fast shutdown: open transactions are rolled back
      logFile: options.logFile,
      cwd: '/',
      env: POSTGRES_ENV,
      account: account ?? undefined,
    });
    const running: Running = { cluster, binaries, account, port, server };
    if (await becomesReady(running)) return running;
    await server.stop(Deadline.in(2000));
    if (attempt === START_TRIES || !mayRecover(options.logFile)) throw notStarted(options.logFile);
  }
}

function settings(port: number, durable: boolean): string[] {
  const values: Record<string, string | number> = {
    listen_addresses: '127.0.0.1',
    port,
    unix_socket_directories: '',
    shared_buffers: '128MB',
    max_connections: durable ? 200 : 400,
    // One server, no replicas: the short write-ahead log is enough.
    wal_level: 'minimal',
    max_wal_senders: 0,
    max_wal_size: '1GB',
    timezone: 'UTC',
    log_timezone: 'UTC',
    ...(!durable && { fsync: 'off', synchronous_commit: 'off', full_page_writes: 'off', autovacuum: 'off' }),
  };
  return Object.entries(values).flatMap(([name, value]) => ['-c', `${name}=${value}`]);
}

async function becomesReady(running: Running): Promise<boolean> {
  const probe = async (): Promise<boolean | null> => {
    if (running.server.hasExited()) return false;
    try {
      await withAdmin(running, (sql) => sql`select 1`);
      return true;
    } catch {
      return null;
    }
  };
  return (await pollUntil(probe, Deadline.in(READY_MS))) ?? false;
}

async function ensureDatabases(running: Running, names: readonly string[]): Promise<void> {
  await withAdmin(running, async (sql) => {
    const there = new Set((await sql<{ datname: string }[]>`select datname from pg_database`).map((row) => row.datname));
    for (const name of names) if (!there.has(name)) await sql`create database ${sql(name)}`;
  });
}

async function withAdmin<T>(running: Running, act: (sql: postgres.Sql) => Promise<T>): Promise<T> {
  const sql = postgres(urlOf(running, 'postgres'), { max: 1, connect_timeout: 5, onnotice: () => undefined });
  try {
    return await act(sql);
  } finally {
    await sql.end({ timeout: 1 });
  }
}

function urlOf({ cluster, port }: Running, database: string): string {
  return `postgres://${POSTGRES_USER}:${cluster.password}@127.0.0.1:${port}/${database}`;
}

function mayRecover(logFile: string): boolean {
  return /could not bind|could not create any TCP|pre-existing shared memory block/.test(readLog(logFile));
}

function notStarted(logFile: string): BullpenError {
  const tail = readLog(logFile).trim().split('\n').slice(-5).join('\n  ');
  return new BullpenError('SERVICE_UNAVAILABLE', `the embedded Postgres did not start; ${logFile} ends with:\n  ${tail}`, { logFile });
}

function readLog(logFile: string): string {
  try {
    return readFileSync(logFile, 'utf8');
  } catch (error) {
    return messageOf(error);
  }
}
