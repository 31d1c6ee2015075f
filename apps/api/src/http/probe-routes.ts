import { BullpenError, messageOf } from '@bullpen/core';
import type { Database } from '@bullpen/db';
import type { RunQueue } from '@bullpen/queue';
import { z } from 'zod';

import { ok, route, type Route } from './route.ts';

/** `/healthz` and `/readyz`, for whoever watches the process. */
export function probeRoutes({ db, queue, closing }: { db: Database; queue: RunQueue; closing: AbortSignal }): Route[] {
  const shared = { method: 'get', tag: 'service', scope: 'public', permission: null } as const;
  return [
    route({
      ...shared, path: '/healthz', operationId: 'isAlive', summary: 'Say that the process is alive',
      answer: { statuses: { 200: 'it is' }, schema: z.strictObject({ status: z.literal('alive') }) },
      handle: () => ok({ status: 'alive' as const }),
    }),
    route({
      ...shared, path: '/readyz', operationId: 'isReady', summary: 'Say whether requests can be served',
      answer: { statuses: { 200: 'Postgres and the queue answer' }, schema: z.strictObject({ status: z.literal('ready') }) }, errors: ['SHUTTING_DOWN'],
      async handle() {
        if (closing.aborted) throw new BullpenError('SHUTTING_DOWN', 'the process is stopping');
        try {
          await Promise.all([db.ping(), queue.ping()]);
        } catch (error) {
          throw new BullpenError('SERVICE_UNAVAILABLE', `Postgres or the queue cannot be reached: ${messageOf(error)}`, {}, { cause: error });
        }
        return ok({ status: 'ready' as const });
      },
    }),
  ];
}
