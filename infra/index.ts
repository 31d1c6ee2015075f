/** Local services: what `npm start` brings up and what the tests run on. */
export { CHECKOUT_DIR } from './local/data-dir.ts';
export { firstFreePort, freePort } from './local/free-port.ts';
export { createEmbeddedPostgres, type EmbeddedPostgres, type EmbeddedPostgresOptions } from './local/postgres.ts';
export { createLocalRedis, findRedisServer, type LocalRedis, type LocalRedisOptions } from './local/redis.ts';
