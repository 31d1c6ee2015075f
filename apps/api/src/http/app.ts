import express, { type Express, type RequestHandler } from 'express';
import helmet from 'helmet';

import { dashboard } from '../admin/dashboard.ts';
import { queueBoard } from '../admin/queue-board.ts';
import { authenticateAdmin } from '../auth/authenticate.ts';
import type { AppDeps } from './app-deps.ts';
import { cors } from './cors.ts';
import { docsPage } from './docs-page.ts';
import { traceRequests } from './request-tracing.ts';
import { notFound, problemHandler, requestEnds, requestIds } from './respond.ts';
import { allRoutes } from './routes.ts';
import { serveRoutes } from './serve.ts';

/** The whole HTTP face as one Express app. */
export function createApp(deps: AppDeps): Express {
  const app = express();
  app.disable('x-powered-by').disable('etag').set('trust proxy', 'loopback').set('query parser', 'simple');
  app.use(requestIds(), requestEnds(deps.log, deps.prometheus.count), traceRequests());
  app.use('/admin/queues', boardPolicy());
  app.use('/v1', answerPolicy());
  app.use(/^\/(?!admin\/queues|v1\/)/, helmet({ contentSecurityPolicy: { directives: { defaultSrc: ["'self'"], styleSrc: ["'self'"], upgradeInsecureRequests: null } }, strictTransportSecurity: false }));

  app.use('/v1', cors(deps.corsOrigins));
  app.use(serveRoutes(allRoutes(deps), deps));

  app.use('/docs', docsPage());
  const board = queueBoard('/admin/queues', deps);
  app.use('/admin/queues', authenticateAdmin(deps.keys), board.refresh, board.router);
  app.use('/admin/runtime', dashboard());
  app.get('/', (_req, res) => res.redirect('/admin/runtime/'));

  app.use(notFound, problemHandler(deps.log));
  return app;
}

/** Answers of the API are no pages: nothing may be loaded or framed by them, and what only pages need is left out. */
const ANSWER_POLICY = Object.entries({
  'Content-Security-Policy': "default-src 'none';frame-ancestors 'none'",
  'Cross-Origin-Resource-Policy': 'same-origin',
  'Referrer-Policy': 'no-referrer',
  'X-Content-Type-Options': 'nosniff',
  'X-Frame-Options': 'DENY',
});

/** By hand: every request of the API comes by here. */
function answerPolicy(): RequestHandler {
  return (_req, res, next) => {
    for (const [name, value] of ANSWER_POLICY) res.setHeader(name, value);
    next();
  };
}

/** bull-board's own page needs inline styles and an inline script for its settings. */
function boardPolicy() {
  return helmet({ contentSecurityPolicy: { directives: { defaultSrc: ["'self'"], scriptSrc: ["'self'", "'unsafe-inline'"], styleSrc: ["'self'", "'unsafe-inline'"], imgSrc: ["'self'", 'data:'], upgradeInsecureRequests: null } }, strictTransportSecurity: false });
}
