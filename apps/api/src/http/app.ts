import express, { type Express, type NextFunction, type RequestHandler } from 'express';

import { dashboard } from '../admin/dashboard.ts';
import { queueBoard } from '../admin/queue-board.ts';
import { authenticateAdmin } from '../auth/authenticate.ts';
import type { AppDeps } from './app-deps.ts';
import { browserPolicies } from './browser-policies.ts';
import { docsPage } from './docs-page.ts';
import { traceRequests } from './request-tracing.ts';
import { notFound, problemHandler, requestEnds, requestIds } from './respond.ts';
import { allRoutes } from './routes.ts';
import { serveRoutes } from './serve.ts';

/** The whole HTTP face as one Express app. */
export function createApp(deps: AppDeps): Express {
  const app = express();
  app.disable('x-powered-by').disable('etag').set('trust proxy', 'loopback').set('query parser', 'simple');
  app.use(inTurn(requestIds(), requestEnds(deps.log, deps.prometheus.count), traceRequests(), browserPolicies(deps.corsOrigins)));
  app.use(serveRoutes(allRoutes(deps), deps));

  app.use('/docs', docsPage());
  const board = queueBoard('/admin/queues', deps);
  app.use('/admin/queues', authenticateAdmin(deps.keys), board.refresh, board.router);
  app.use('/admin/runtime', dashboard());
  app.get('/', (_req, res) => res.redirect('/admin/runtime/'));

  app.use(notFound, problemHandler(deps.log));
  return app;
}

/** What every request passes through, as one layer of Express: each of its own costs more than most of them do. */
function inTurn(...handlers: readonly RequestHandler[]): RequestHandler {
  return (req, res, done) => {
    let n = 0;
    const next: NextFunction = (error?: unknown) => {
      const handler = handlers[n];
      n += 1;
      if (error !== undefined || handler === undefined) done(error);
      else void handler(req, res, next);
    };
    next();
  };
}
