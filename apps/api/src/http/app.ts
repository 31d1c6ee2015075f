import { BullpenError, messageOf, SIZE_CAPS, type Logger } from '@bullpen/core';
import type { RunStore } from '@bullpen/db';
import type { ApiPrometheus } from '@bullpen/metrics';
import type { SecretStore } from '@bullpen/db';
import type { LiveBus } from '@bullpen/queue';
import express, { type Express } from 'express';
import helmet from 'helmet';

import { adminRoutes } from '../admin/admin-routes.ts';
import { dashboard } from '../admin/dashboard.ts';
import { queueBoard } from '../admin/queue-board.ts';
import type { RuntimeStatusDeps } from '../admin/runtime-status.ts';
import type { StatusBoard } from '../admin/status-board.ts';
import { agentRoutes } from '../agents/agent-routes.ts';
import { alertRoutes } from '../alerts/alert-routes.ts';
import type { ApiKeys } from '../auth/api-keys.ts';
import { authenticate, authenticateAdmin, tenant } from '../auth/authenticate.ts';
import type { OrganizationDirectory } from '../organizations/organization-directory.ts';
import { organizationRoutes } from '../organizations/organization-routes.ts';
import { runRoutes } from '../runs/run-routes.ts';
import type { RunService } from '../runs/run-service.ts';
import { scheduleRoutes } from '../schedules/schedule-routes.ts';
import { secretRoutes } from '../secrets/secret-routes.ts';
import { traceRequests } from './request-tracing.ts';
import { notFound, problemHandler, requestCount, requestIds, requestLog } from './respond.ts';

export interface AppDeps extends RuntimeStatusDeps {
  store: RunStore;
  bus: LiveBus;
  keys: ApiKeys;
  organizations: OrganizationDirectory;
  runs: RunService;
  secrets: SecretStore;
  prometheus: ApiPrometheus;
  status: StatusBoard;
  log: Logger;
  /** Aborts when the process stops. */
  closing: AbortSignal;
}

/** JSON writes a character of a bundle in up to six bytes, but hardly ever does; twice the cap plus the rest is ample. */
const BUNDLE_BODY_BYTES = 2 * SIZE_CAPS.bundleBytes + 64 * 1024;
const RUN_BODY_BYTES = SIZE_CAPS.inputBytes + SIZE_CAPS.metadataBytes + 64 * 1024;

/** 1,000 runs of ordinary size; with larger inputs, fewer. */
const BATCH_BODY_BYTES = 16 * SIZE_CAPS.inputBytes;

/** The whole HTTP face as one Express app. */
export function createApp(deps: AppDeps): Express {
  const app = express();
  app.disable('x-powered-by').set('trust proxy', 'loopback').set('query parser', 'simple');
  app.use(requestIds(), requestLog(deps.log), requestCount(deps.prometheus.count), traceRequests());
  app.use('/admin/queues', boardPolicy());
  app.use(/^\/(?!admin\/queues)/, helmet({ contentSecurityPolicy: { directives: { defaultSrc: ["'self'"], styleSrc: ["'self'"], upgradeInsecureRequests: null } }, strictTransportSecurity: false }));

  app.use(probes(deps));
  app.use('/v1', authenticate(deps.keys));
  app.use('/v1/agents', express.json({ limit: BUNDLE_BODY_BYTES, strict: false }));
  app.use('/v1/runs/batch', express.json({ limit: BATCH_BODY_BYTES, strict: false }));
  app.use(express.json({ limit: RUN_BODY_BYTES, strict: false }));
  app.use('/v1', runRoutes(deps), agentRoutes(deps), scheduleRoutes(deps), secretRoutes(deps), organizationRoutes(deps), alertRoutes({ ...deps, owner: tenant }));
  app.use('/api/admin', adminRoutes(deps));

  const board = queueBoard('/admin/queues', deps);
  app.use('/admin/queues', authenticateAdmin(deps.keys), board.refresh, board.router);
  app.use('/admin/runtime', dashboard());
  app.get('/', (_req, res) => res.redirect('/admin/runtime/'));

  app.use(notFound, problemHandler(deps.log));
  return app;
}

/** bull-board's own page needs inline styles and an inline script for its settings. */
function boardPolicy() {
  return helmet({ contentSecurityPolicy: { directives: { defaultSrc: ["'self'"], scriptSrc: ["'self'", "'unsafe-inline'"], styleSrc: ["'self'", "'unsafe-inline'"], imgSrc: ["'self'", 'data:'], upgradeInsecureRequests: null } }, strictTransportSecurity: false });
}

/** For machines, without a key: they tell of no organization. */
function probes({ db, queue, closing, prometheus }: AppDeps): express.Router {
  const router = express.Router();
  router.get('/healthz', (_req, res) => { res.json({ status: 'alive' }); });
  router.get('/readyz', async (_req, res) => {
    if (closing.aborted) throw new BullpenError('SHUTTING_DOWN', 'the process is stopping');
    try {
      await Promise.all([db.ping(), queue.ping()]);
    } catch (error) {
      throw new BullpenError('SERVICE_UNAVAILABLE', `Postgres or the queue cannot be reached: ${messageOf(error)}`, {}, { cause: error });
    }
    res.json({ status: 'ready' });
  });
  router.get('/metrics', async (_req, res) => {
    res.type(prometheus.contentType).send(await prometheus.render());
  });
  return router;
}
