import { BullpenError, idSchema, isTerminal, LOG_LEVELS, runLogsSchema, runSchema, waitSchema, type RunLogs } from '@bullpen/core';
import { listRunLogs, type Database } from '@bullpen/db';
import { z } from 'zod';

import { ok, route, STREAMED, type Route } from '../http/route.ts';
import type { RunService } from './run-service.ts';
import { whenClosed } from './when-closed.ts';

const logsQuerySchema = z.strictObject({
  after: z.coerce.number().int().min(-1).default(-1).describe('only lines with a higher `seq`'),
  level: z.enum(LOG_LEVELS).default('debug').describe('from this level up'),
  limit: z.coerce.number().int().min(1).max(1000).default(200),
});

/** How one run ended, and what it said: `/v1/runs/{id}/wait`, `/logs`, `/result`. */
export function outcomeRoutes({ db, runs, closing }: { db: Database; runs: RunService; closing: AbortSignal }): Route[] {
  const shared = {
    method: 'get', tag: 'runs', scope: 'organization', permission: 'runs:read', params: z.strictObject({ id: idSchema('run') }), errors: ['NOT_FOUND'],
  } as const;
  return [
    route({
      ...shared, path: '/v1/runs/{id}/wait', operationId: 'waitForRun', summary: 'Wait for the end of a run; ask again where it has not come',
      query: z.strictObject({ timeout: waitSchema.prefault('30s').describe('answer after this long at the latest: `30s`, `1500ms`, `1m`; at most a minute') }),
      answer: { statuses: { 200: 'the run is over', 202: 'it is not over yet' }, schema: runSchema },
      async handle({ orgId, params, query, res }) {
        const run = await runs.waitFor(orgId, params.id, query.timeout, AbortSignal.any([closing, whenClosed(res)]));
        return { status: isTerminal(run.state) ? 200 : 202, body: run };
      },
    }),
    route({
      ...shared, path: '/v1/runs/{id}/logs', operationId: 'listRunLogs', summary: 'List the log lines of a run, oldest first', query: logsQuerySchema,
      answer: { statuses: { 200: 'log lines; go on with `after=nextAfter`' }, schema: runLogsSchema },
      async handle({ orgId, params, query: { after, level, limit } }) {
        await runs.get(orgId, params.id);
        const lines = await listRunLogs(db, orgId, params.id, { afterSeq: after, level, limit: limit + 1 });
        const items = lines.slice(0, limit) as RunLogs['items'];
        return ok({ items, nextAfter: lines.length > limit ? (items.at(-1)?.seq ?? null) : null });
      },
    }),
    route({
      ...shared, path: '/v1/runs/{id}/result', operationId: 'downloadRunResult', summary: 'Download the result of a run, as JSON and nothing else',
      errors: ['NOT_FOUND', 'RUN_NOT_FINISHED'], answer: { statuses: { 200: 'the result as the agent returned it' }, mediaType: 'application/json' },
      async handle({ orgId, params, res }) {
        const { id, state, result } = await runs.get(orgId, params.id);
        if (!isTerminal(state)) throw new BullpenError('RUN_NOT_FINISHED', `run ${id} is ${state}`, { state });
        if (state !== 'succeeded') throw new BullpenError('NOT_FOUND', `run ${id} is ${state} and has no result`, { state });
        res.setHeader('Content-Disposition', `attachment; filename="${id}.json"`);
        res.setHeader('Content-Type', 'application/json; charset=utf-8');
        res.end(JSON.stringify(result));
        return STREAMED;
      },
    }),
  ];
}
