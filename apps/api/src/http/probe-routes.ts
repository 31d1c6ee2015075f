import { BullpenError, messageOf } from '@bullpen/core';
import type { Database } from '@bullpen/db';
import type { ApiPrometheus } from '@bullpen/metrics';
import type { RunQueue } from '@bullpen/queue';
import { z } from 'zod';

import { ok, route, STREAMED, type Route } from './route.ts';

/** `/healthz`, `/readyz` and `/metrics`: for machines, without a key; they tell of no organization. */
export function probeRoutes({ db, queue, closing, prometheus }: { db: Database; queue: RunQueue; closing: AbortSignal; prometheus: ApiPrometheus }): Route[] {
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
    route({
      ...shared, path: '/metrics', operationId: 'prometheusMetrics', summary: 'Figures for Prometheus', answer: { statuses: { 200: 'OpenMetrics' }, mediaType: 'text/plain' },
      async handle({ res }) {
        res.type(prometheus.contentType).send(await prometheus.render());
        return STREAMED;
      },
    }),
  ];
}
