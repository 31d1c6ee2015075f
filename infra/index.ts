/** Local services: what `npm start` brings up and what the tests run on. */
export { renderDatabaseDocs } from './docs/database-docs.ts';
export { renderSetupScript } from './supabase/setup-script.ts';
export { buildCliPackage } from './packaging/build-cli.ts';
export { buildSdkPackage } from './packaging/build-sdk.ts';
export { CHECKOUT_DIR } from './local/data-dir.ts';
export { firstFreePort, freePort } from './local/free-port.ts';
export { spawnGuarded, type GuardedProcess } from './local/guarded-process.ts';
export { takeLaunchLock } from './local/launch-lock.ts';
export { pollUntil } from './local/poll.ts';
export { createEmbeddedPostgres, type EmbeddedPostgres, type EmbeddedPostgresOptions } from './local/postgres.ts';
export { identifyProcess, writeProcessRecord, type ProcessRecord } from './local/process-identity.ts';
export { superviseProcess, type SupervisedProcess, type SupervisedProcessOptions } from './local/process-supervisor.ts';
export { createLocalRedis, findRedisServer, type LocalRedis, type LocalRedisOptions } from './local/redis.ts';
