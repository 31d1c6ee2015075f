import { composeServices, newId, systemClock, type Clock, type Logger, type Service } from '@bullpen/core';
import { createAuditWriter, createDatabase, createRunStore, type Database, type RunStore } from '@bullpen/db';
import { createSchemaChecker } from '@bullpen/json-schema';
import { createMetricsCollector } from '@bullpen/metrics';
import { createLiveBus, createRunQueue, type LiveBus, type RunQueue } from '@bullpen/queue';

import { WorkerRegistry } from './admin/worker-registry.ts';
import { ApiKeys } from './auth/api-keys.ts';
import type { ApiConfig } from './config.ts';
import { createApp } from './http/app.ts';
import { RequestHousekeeping } from './http/housekeeping.ts';
import { HttpServer } from './http/http-server.ts';
import { Idempotency } from './http/idempotency.ts';
import { RateLimiter } from './http/rate-limiter.ts';
import { OrganizationDirectory } from './organizations/organization-directory.ts';
import { RunService } from './runs/run-service.ts';

/** A whole API process as one service: what `main.ts` runs, and what tests start in process. */
export interface BullpenApi extends Service {
  url(): string;
  readonly db: Database;
  readonly queue: RunQueue;
  readonly store: RunStore;
  readonly bus: LiveBus;
  readonly runs: RunService;
}

/** A revoked key, or a changed cap, is obeyed within this time. */
const REMEMBER_MS = 5000;

const RATE_WINDOW_MS = 60_000;

export function createApi(config: ApiConfig, deps: { log: Logger; clock?: Clock }): BullpenApi {
  const { log, clock = systemClock } = deps;
  const name = newId('api');
  const queueAt = { url: config.QUEUE_URL, prefix: config.QUEUE_PREFIX, log };

  const db = createDatabase({ url: config.DATABASE_URL, applicationName: name, log });
  const store = createRunStore({ db, clock, log });
  const metrics = createMetricsCollector({ db, clock, log });
  const queue = createRunQueue({ ...queueAt, clock });
  const bus = createLiveBus({ ...queueAt, name });
  const workers = new WorkerRegistry({ bus, clock });
  const organizations = new OrganizationDirectory({ db, clock, rememberMs: REMEMBER_MS });
  const keys = new ApiKeys({ db, clock, log, adminKey: config.BULLPEN_ADMIN_KEY, rememberMs: REMEMBER_MS });
  const schemas = createSchemaChecker({ clock });
  const runs = new RunService({ db, store, queue, bus, metrics, organizations, schemas, log });
  const audit = createAuditWriter({ db, clock, log });
  const limiter = new RateLimiter({ db, clock, log }, { requests: config.BULLPEN_RATE_LIMIT, windowMs: RATE_WINDOW_MS });
  const idempotency = new Idempotency({ db, log });
  const housekeeping = new RequestHousekeeping({ db, clock, log, windowMs: RATE_WINDOW_MS });
  const closing = new AbortController();
  const server = new HttpServer({
    host: config.HOST,
    port: config.PORT,
    closing,
    app: () => createApp({
      db, queue, bus, workers, keys, organizations, runs, schemas, limiter, idempotency, audit, clock, log,
      corsOrigins: config.BULLPEN_CORS_ORIGINS, closing: closing.signal,
    }),
  });

  const all = composeServices([db, store, audit, schemas, metrics, queue, bus, workers, housekeeping, server]);
  return { url: () => server.url(), db, queue, store, bus, runs, start: all.start, quiesce: all.quiesce, stop: all.stop };
}
