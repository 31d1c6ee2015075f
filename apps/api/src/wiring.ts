import { composeServices, newId, systemClock, type Clock, type Logger, type Service } from '@bullpen/core';
import { SecretStore, SigningSecrets, createAuditWriter, createDatabase, createRunStore, parseKeyRing, type Database, type RunStore } from '@bullpen/db';
import { createSchemaChecker } from '@bullpen/json-schema';
import { createApiPrometheus, createMetricsCollector, type SystemReadings } from '@bullpen/metrics';
import { createRunQueue, type LiveBus, type RunQueue } from '@bullpen/queue';

import { RecentFiguresReader } from './admin/recent-figures.ts';
import { StatusBoard } from './admin/status-board.ts';
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
  const bus = queue.createLiveBus(name);
  const workers = new WorkerRegistry({ bus, clock });
  const organizations = new OrganizationDirectory({ db, clock, rememberMs: REMEMBER_MS });
  const keys = new ApiKeys({ db, clock, log, adminKey: config.BULLPEN_ADMIN_KEY, rememberMs: REMEMBER_MS });
  const schemas = createSchemaChecker({ clock });
  const runs = new RunService({ db, store, queue, bus, metrics, organizations, schemas, clock, log });
  const audit = createAuditWriter({ db, clock, log });
  const limiter = new RateLimiter({ db, clock, log }, { requests: config.BULLPEN_RATE_LIMIT, windowMs: RATE_WINDOW_MS });
  const idempotency = new Idempotency({ db, log });
  const housekeeping = new RequestHousekeeping({ db, clock, log, windowMs: RATE_WINDOW_MS });
  const figures = new RecentFiguresReader({ db, clock });
  const status = new StatusBoard({ db, queue, workers, figures, clock });
  const prometheus = createApiPrometheus(() => readSystem(status));
  const keyText = config.BULLPEN_SECRETS_KEY ?? config.BULLPEN_SECRETS_KEY_FILE;
  const masterKeys = keyText === undefined ? null : parseKeyRing(keyText);
  const secrets = new SecretStore({ db, keys: masterKeys });
  const signing = new SigningSecrets({ db, keys: masterKeys });
  const closing = new AbortController();
  const server = new HttpServer({
    host: config.HOST,
    port: config.PORT,
    closing,
    app: () => createApp({
      db, store, queue, bus, workers, keys, organizations, runs, secrets, signing, schemas, limiter, idempotency, audit, figures, status, prometheus, clock, log,
      corsOrigins: config.BULLPEN_CORS_ORIGINS, publicUrl: config.BULLPEN_PUBLIC_URL, closing: closing.signal,
    }),
  });

  const all = composeServices([db, store, audit, schemas, metrics, queue, bus, workers, status, housekeeping, server]);
  return { url: () => server.url(), db, queue, store, bus, runs, start: all.start, quiesce: all.quiesce, stop: all.stop };
}

/** Null where the system cannot be read at the moment: what the process knows of itself is scraped all the same. */
async function readSystem(board: StatusBoard): Promise<SystemReadings | null> {
  const latest = await board.latest().catch(() => null);
  if (latest === null) return null;
  const { organizations, workers, alerts, health } = latest.status;
  const sum = <T>(items: readonly T[], of: (item: T) => number) => items.reduce((total, item) => total + of(item), 0);
  return {
    organizations: organizations.length,
    workers: workers.length,
    slots: sum(workers, ({ slots }) => slots),
    running: sum(workers, ({ running }) => running),
    queue: {
      waiting: sum(organizations, ({ queue }) => queue.waiting), delayed: sum(organizations, ({ queue }) => queue.delayed), active: sum(organizations, ({ queue }) => queue.active),
    },
    alertsFiring: alerts.filter(({ state }) => state === 'firing').length,
    healthScore: health.score,
  };
}
