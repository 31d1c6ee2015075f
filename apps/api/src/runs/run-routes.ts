import {
  BullpenError, bulkReplaySchema, bulkRequestSchema, bulkResultSchema, createRunBatchSchema, createRunSchema, idSchema, isTerminal, listRunsSchema, runBatchSchema, runPageSchema, runSchema, SIZE_CAPS,
  waitSchema, whySchema, type BulkRequest, type BulkResult, type Run,
} from '@bullpen/core';
import { listRuns, type Database } from '@bullpen/db';
import type { LiveBus } from '@bullpen/queue';
import type { Request, Response } from 'express';
import { z } from 'zod';

import type { ApiKeys } from '../auth/api-keys.ts';
import { secretOf } from '../auth/authenticate.ts';
import { watchKey } from '../auth/key-watch.ts';
import { idempotencyKeyOf } from '../http/idempotency.ts';
import { traceparentOf } from '../http/request-tracing.ts';
import { accepted, ok, route, STREAMED, type Reply, type Route } from '../http/route.ts';
import { BulkRuns } from './bulk-runs.ts';
import { createBatch } from './create-batch.ts';
import { RunEventStream } from './run-event-stream.ts';
import { sinkOf } from './response-sink.ts';
import { outcomeRoutes } from './outcome-routes.ts';
import type { CreatedRun, RunService } from './run-service.ts';
import { whenClosed } from './when-closed.ts';
import { whyWaiting, type WhyDeps } from './why.ts';

/** `closing` aborts when the process stops: waiting requests are then answered with what there is. */
export type RunRouteDeps = WhyDeps & { bus: LiveBus; keys: ApiKeys; runs: RunService; closing: AbortSignal };

const tag = 'runs';
const runParams = z.strictObject({ id: idSchema('run') });
const eventsQuerySchema = z.strictObject({
  after: z.coerce.number().int().nonnegative().optional().describe('send only events with a higher `seq`'),
  follow: z.enum(['true', 'false']).default('true').describe('false: what there is, then the end'),
});
const runAnswer = (status: number, sentence: string) => ({ statuses: { [status]: sentence }, schema: runSchema });

/** 1,000 runs of ordinary size; with larger inputs, fewer. */
const BATCH_BODY_BYTES = 16 * SIZE_CAPS.inputBytes;
const CREATE_ERRORS = ['AGENT_NOT_FOUND', 'NOT_FOUND', 'INPUT_NOT_STORABLE', 'INPUT_INVALID', 'SCHEMA_TOO_COSTLY', 'TIER_UNAVAILABLE', 'TIER_BELOW_MINIMUM', 'LIMIT_EXCEEDED', 'IDEMPOTENCY_KEY_REUSED'] as const;

/** `/v1/runs`: more special paths first. */
export function runRoutes(deps: RunRouteDeps): Route[] {
  return [createRoute(deps), ...bulkRoutes(deps), ...readRoutes(deps), ...oneRunRoutes(deps), ...outcomeRoutes(deps)];
}

function createRoute({ runs, closing }: RunRouteDeps): Route {
  return route({
    method: 'post', path: '/v1/runs', operationId: 'createRun', tag, scope: 'organization', permission: 'runs:create',
    summary: 'Start a run of an agent, and optionally wait for its end',
    query: z.strictObject({ wait: waitSchema.optional().describe('answer when the run is over, or after this long: `30s`, `1500ms`, `1m`; at most a minute') }),
    body: createRunSchema,
    answer: { statuses: { 200: 'the run is over', 202: 'the run is accepted; where it waited, not over yet' }, schema: runSchema },
    errors: CREATE_ERRORS,
    idempotency: 'own',
    audit: { target: (_call, run) => `run/${run.id}`, after: ({ agent, version }) => ({ agent, version }), isLater: true },
    async handle({ orgId, query: { wait }, body, req, res }) {
      const key = idempotencyKeyOf(req);
      return answerCreated(wait === undefined
        ? await runs.create(orgId, body, key, traceparentOf(req))
        : await runs.createAndWait(orgId, body, key, { ms: wait, signal: AbortSignal.any([closing, whenClosed(res)]) }, traceparentOf(req)));
    },
  });
}

/** Up to a thousand runs, all or none. */
function batchRoute(runs: RunService): Route {
  return route({
    method: 'post', path: '/v1/runs/batch', operationId: 'createRunBatch', tag, scope: 'organization', permission: 'runs:create',
    summary: 'Start up to 1,000 runs, all or none', body: createRunBatchSchema, bodyBytes: BATCH_BODY_BYTES, idempotency: 'own',
    audit: { target: () => 'runs', after: ({ created, runs: made }) => ({ created, runIds: made.map(({ run }) => run.id) }), isLater: true },
    answer: { statuses: { 202: 'all are accepted' }, schema: runBatchSchema }, errors: CREATE_ERRORS,
    async handle({ orgId, body, req }) {
      const batch = await createBatch(runs, orgId, body, { batchKey: idempotencyKeyOf(req), traceparent: traceparentOf(req) });
      return { status: 202, body: batch, ...(batch.created === 0 ? { headers: { 'Idempotent-Replayed': 'true' } } : {}) };
    },
  });
}

/** Many runs by filter. */
function bulkRoutes(deps: { db: Database; runs: RunService }): Route[] {
  const bulk = new BulkRuns(deps);
  const shared = { method: 'post', tag, scope: 'organization', permission: 'runs:operate', idempotency: 'kept',
    audit: { target: () => 'runs', after: (done: BulkResult, { body }: { body: BulkRequest }) => ({ ...body, ...done }) },
  } as const;
  const answer = { statuses: { 200: 'what was done' }, schema: bulkResultSchema };
  return [
    batchRoute(deps.runs),
    route({
      ...shared, path: '/v1/runs/cancel', operationId: 'cancelRuns', summary: 'Cancel runs by filter, or count them in a dry run', body: bulkRequestSchema, answer,
      handle: async ({ orgId, body }) => ok(await bulk.cancel(orgId, body)),
    }),
    route({
      ...shared, path: '/v1/runs/replay', operationId: 'replayRuns', summary: 'Run ended runs again by filter, each once, or count them in a dry run', body: bulkReplaySchema, answer,
      handle: async ({ orgId, body, req }) => ok(await bulk.replay(orgId, body, traceparentOf(req))),
    }),
    route({
      ...shared, path: '/v1/runs/{id}/replay', operationId: 'replayRun', summary: 'Run an ended run again', params: runParams,
      body: z.strictObject({}), answer: runAnswer(202, 'the new run is accepted'),
      audit: { target: ({ params }) => `run/${params.id}`, after: ({ id }) => ({ replayedAs: id }) }, errors: ['NOT_FOUND'],
      handle: async ({ orgId, params, req }) => accepted(await bulk.replayOne(orgId, params.id, traceparentOf(req))),
    }),
  ];
}

function readRoutes({ db }: RunRouteDeps): Route[] {
  return [
    route({
      method: 'get', path: '/v1/runs', operationId: 'listRuns', tag, scope: 'organization', permission: 'runs:read',
      summary: 'List runs, newest first', query: listRunsSchema,
      answer: { statuses: { 200: 'a page of runs' }, schema: runPageSchema },
      handle: async ({ orgId, query }) => ok(await listRuns(db, orgId, query)),
    }),
  ];
}

function oneRunRoutes(deps: RunRouteDeps): Route[] {
  const { runs } = deps;
  const shared = { tag, scope: 'organization', params: runParams, errors: ['NOT_FOUND'] } as const;
  return [
    route({
      ...shared, method: 'get', path: '/v1/runs/{id}', operationId: 'getRun', permission: 'runs:read',
      summary: 'Get a run with its input, result, usage and times', answer: runAnswer(200, 'the run'),
      handle: async ({ orgId, params }) => ok(await runs.get(orgId, params.id)),
    }),
    route({
      ...shared, method: 'post', path: '/v1/runs/{id}/cancel', operationId: 'cancelRun', permission: 'runs:operate',
      summary: 'Cancel a run', body: z.strictObject({}), audit: runAudit(deps), errors: ['NOT_FOUND', 'RUN_ALREADY_FINISHED'],
      answer: runAnswer(202, 'a waiting run is cancelled; a running one is being stopped'),
      handle: async ({ orgId, params }) => accepted(await runs.cancel(orgId, params.id)),
    }),
    route({
      ...shared, method: 'get', path: '/v1/runs/{id}/why', operationId: 'whyRunWaits', permission: 'runs:read',
      summary: 'Say why a run is still waiting', answer: { statuses: { 200: 'causes in order, and an estimate' }, schema: whySchema },
      handle: async ({ orgId, params }) => ok(await whyWaiting(deps, orgId, params.id)),
    }),
    route({
      ...shared, method: 'get', path: '/v1/runs/{id}/events', operationId: 'streamRunEvents', permission: 'runs:read',
      summary: 'Follow what a run says, as server-sent events', query: eventsQuerySchema,
      headers: { 'Last-Event-ID': 'number of the last event seen: goes on after it' },
      answer: { statuses: { 200: 'events with their `seq` as id, `state` changes, and `end`' }, mediaType: 'text/event-stream' },
      async handle({ orgId, params, query, req, res }) {
        await streamEvents(deps, await runs.get(orgId, params.id), query, req, res);
        return STREAMED;
      },
    }),
  ];
}

/** The state before and after, without input and result. */
function runAudit({ runs }: { runs: RunService }) {
  return {
    target: ({ params }: { params: { id: string } }) => `run/${params.id}`,
    before: async ({ orgId, params }: { orgId: string; params: { id: string } }) => ({ state: (await runs.get(orgId, params.id)).state }),
    after: ({ state }: Run) => ({ state }),
  };
}

function answerCreated({ run, created }: CreatedRun): Reply<Run> {
  return {
    status: isTerminal(run.state) ? 200 : 202,
    body: run,
    headers: { Location: `/v1/runs/${run.id}`, ...(created ? {} : { 'Idempotent-Replayed': 'true' }) },
  };
}

async function streamEvents(
  deps: { db: Database; bus: LiveBus; keys: ApiKeys; closing: AbortSignal }, run: Run, { after, follow }: z.output<typeof eventsQuerySchema>, req: Request, res: Response,
): Promise<void> {
  const last = req.header('last-event-id');
  if (last !== undefined && !/^\d{1,15}$/.test(last)) throw new BullpenError('INVALID_REQUEST', 'the header Last-Event-ID is not a number of an event');
  res.status(200).setHeader('Content-Type', 'text/event-stream; charset=utf-8');
  res.setHeader('Cache-Control', 'no-store');
  res.setHeader('X-Accel-Buffering', 'no');
  res.flushHeaders();
  const key = watchKey(deps.keys, secretOf(req) ?? '');
  const signal = AbortSignal.any([deps.closing, whenClosed(res), key.gone]);
  signal.addEventListener('abort', key.stop, { once: true });
  const startAfter = last === undefined ? (after ?? -1) : Number(last);
  await new RunEventStream(deps, run, startAfter, sinkOf(res)).send(follow === 'true', signal).finally(key.stop);
  res.end();
}
