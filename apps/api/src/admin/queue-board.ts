import { createBullBoard } from '@bull-board/api';
import { BullMQAdapter } from '@bull-board/api/bullMQAdapter';
import { ExpressAdapter } from '@bull-board/express';
import { adminListOrganizations, type Database } from '@bullpen/db';
import type { RunQueue } from '@bullpen/queue';
import type { Express, RequestHandler } from 'express';

const REFRESH_MS = 5000;

/**
 * bull-board over the queue of every organization, read-only: Postgres is the record, and a job moved behind its back
 * would only be moved back. Organizations made since the last look appear within five seconds.
 */
export function queueBoard(basePath: string, deps: { db: Database; queue: RunQueue }): { refresh: RequestHandler; router: Express } {
  const serverAdapter = new ExpressAdapter();
  serverAdapter.setBasePath(basePath);
  const board = createBullBoard({ queues: [], serverAdapter, options: { uiConfig: { boardTitle: 'Bullpen queues' } } });
  const shown = new Set<string>();
  let lookedAtMs = -Infinity;

  const refresh: RequestHandler = async (_req, _res, next) => {
    if (performance.now() - lookedAtMs > REFRESH_MS) {
      lookedAtMs = performance.now();
      const { items } = await adminListOrganizations(deps.db, { limit: 1000 });
      for (const { id } of items) {
        if (shown.has(id)) continue;
        shown.add(id);
        board.addQueue(new BullMQAdapter(deps.queue.bullQueue(id), { readOnlyMode: true, displayName: id }));
      }
    }
    next();
  };
  // An Express app of its own, which would name itself in each answer.
  const router = serverAdapter.getRouter() as Express;
  router.disable('x-powered-by');
  return { refresh, router };
}
