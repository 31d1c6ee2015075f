/** A launcher to be killed: `node local-services-process.ts DATA_DIR REDIS_BINARY` brings both servers up, says so, and waits. */
import path from 'node:path';

import { createEmbeddedPostgres, createLocalRedis } from '@bullpen/infra';

const [, , dataDir = '', binary = ''] = process.argv;
const postgres = createEmbeddedPostgres({ dataDir, logFile: path.join(dataDir, 'postgres.log'), databases: ['kept'], durable: true });
const redis = createLocalRedis({ binary, dataDir, logFile: path.join(dataDir, 'redis.log'), durable: true });
await postgres.start();
await redis.start();
process.stdout.write(`${JSON.stringify({ postgresUrl: postgres.url('kept'), redisUrl: redis.url })}\n`);
