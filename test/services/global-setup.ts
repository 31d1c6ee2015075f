import { findProgram } from './programs.ts';
import { startServers, type RunningServers, type TestServices } from './servers.ts';

/** Where the handle waits for the teardown, which Jest loads as a module of its own. */
const HANDLE = Symbol.for('bullpen.test.servers');

/** Jest's global set-up: the servers of all test files, told to them through the environment. BULLPEN_TEST_POSTGRES_URL names another Postgres. */
export default async function setUp(): Promise<void> {
  const { postgresAdminUrl, redisUrl, ...servers } = await startServers({ durable: false, postgresAdminUrl: process.env.BULLPEN_TEST_POSTGRES_URL });
  (globalThis as Record<symbol, unknown>)[HANDLE] = servers satisfies Pick<RunningServers, 'stop'>;
  process.env.BULLPEN_TEST_SERVICES = JSON.stringify({ postgresAdminUrl, redisUrl, valkey: findProgram('valkey') } satisfies TestServices);
}
