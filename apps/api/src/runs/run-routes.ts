import { BullpenError, bulkRequestSchema, createRunBatchSchema, createRunSchema, idempotencyKeySchema, isId, isTerminal, listRunsSchema, parseOrThrow, waitSchema, type Run } from '@bullpen/core';
import { listRuns, type Database } from '@bullpen/db';
import type { LiveBus } from '@bullpen/queue';
import { Router, type Request, type Response } from 'express';
import { z } from 'zod';

import { tenant } from '../auth/authenticate.ts';
import { traceparentOf } from '../http/request-tracing.ts';
import { BulkRuns } from './bulk-runs.ts';
import { createBatch } from './create-batch.ts';
import { RunEventStream, type FrameSink } from './run-event-stream.ts';
import type { CreatedRun, RunService } from './run-service.ts';
import { whyWaiting, type WhyDeps } from './why.ts';

const createQuerySchema = z.strictObject({ wait: waitSchema.optional() });
const eventsQuerySchema = z.strictObject({
  after: z.coerce.number().int().nonnegative().optional(),
  follow: z.enum(['true', 'false']).default('true'),
});

/** `/v1/runs`. `closing` aborts when the process stops: waiting requests are then answered with what there is. */
export function runRoutes(deps: WhyDeps & { bus: LiveBus; runs: RunService; closing: AbortSignal }): Router {
  const { db, runs } = deps;
  const router = Router();
  router.use(bulkRoutes(deps));

  router.post('/runs', async (req, res) => {
    const orgId = tenant(req, res);
    const { wait } = parseOrThrow(createQuerySchema, req.query, 'query');
    const request = parseOrThrow(createRunSchema, req.body);
    const key = idempotencyKeyOf(req);
    const created = wait === undefined
      ? await runs.create(orgId, request, key, traceparentOf(req))
      : await runs.createAndWait(orgId, request, key, { ms: wait, signal: AbortSignal.any([deps.closing, whenClosed(res)]) }, traceparentOf(req));
    answerCreated(res, created);
  });

  router.get('/runs', async (req, res) => {
    res.json(await listRuns(db, tenant(req, res), parseOrThrow(listRunsSchema, req.query, 'query')));
  });

  router.get('/runs/:id', async (req, res) => {
    res.json(await runs.get(tenant(req, res), runIdOf(req)));
  });

  router.post('/runs/:id/cancel', async (req, res) => {
    res.status(202).json(await runs.cancel(tenant(req, res), runIdOf(req)));
  });

  router.get('/runs/:id/why', async (req, res) => {
    res.json(await whyWaiting(deps, tenant(req, res), runIdOf(req)));
  });

  router.get('/runs/:id/events', async (req, res) => {
    await streamEvents(deps, await runs.get(tenant(req, res), runIdOf(req)), req, res);
  });

  return router;
}

/** Many runs by filter, and one run again. */
function bulkRoutes(deps: { db: Database; runs: RunService }): Router {
  const bulk = new BulkRuns(deps);
  const router = Router();

  router.post('/runs/batch', async (req, res) => {
    const orgId = tenant(req, res);
    const batch = await createBatch(deps.runs, orgId, parseOrThrow(createRunBatchSchema, req.body), idempotencyKeyOf(req));
    if (batch.created === 0) res.setHeader('Idempotent-Replayed', 'true');
    res.status(202).json(batch);
  });

  router.post('/runs/cancel', async (req, res) => {
    const { filter, dryRun } = parseOrThrow(bulkRequestSchema, req.body);
    res.json(await bulk.cancel(tenant(req, res), filter, dryRun));
  });

  router.post('/runs/replay', async (req, res) => {
    const { filter, dryRun } = parseOrThrow(bulkRequestSchema, req.body);
    res.json(await bulk.replay(tenant(req, res), filter, dryRun));
  });

  router.post('/runs/:id/replay', async (req, res) => {
    res.status(202).json(await bulk.replayOne(tenant(req, res), runIdOf(req)));
  });

  return router;
}

/** What is no run id is no run: Postgres need not be asked, and could not even be asked about a NUL character. */
function runIdOf(req: Request): string {
  const { id } = req.params;
  if (typeof id !== 'string' || !isId('run', id)) throw new BullpenError('NOT_FOUND', 'there is no such run');
  return id;
}

function answerCreated(res: Response, { run, created }: CreatedRun): void {
  if (!created) res.setHeader('Idempotent-Replayed', 'true');
  res.setHeader('Location', `/v1/runs/${run.id}`);
  res.status(isTerminal(run.state) ? 200 : 202).json(run);
}

function idempotencyKeyOf(req: Request): string | null {
  const key = req.header('idempotency-key');
  return key === undefined ? null : parseOrThrow(idempotencyKeySchema, key, 'header Idempotency-Key');
}

async function streamEvents(deps: { db: Database; bus: LiveBus; closing: AbortSignal }, run: Run, req: Request, res: Response): Promise<void> {
  const { after, follow } = parseOrThrow(eventsQuerySchema, req.query, 'query');
  const last = req.header('last-event-id');
  if (last !== undefined && !/^\d{1,15}$/.test(last)) throw new BullpenError('INVALID_REQUEST', 'the header Last-Event-ID is not a number of an event');
  res.status(200).setHeader('Content-Type', 'text/event-stream; charset=utf-8');
  res.setHeader('Cache-Control', 'no-store');
  res.setHeader('X-Accel-Buffering', 'no');
  res.flushHeaders();
  const signal = AbortSignal.any([deps.closing, whenClosed(res)]);
  const startAfter = last === undefined ? (after ?? -1) : Number(last);
  await new RunEventStream(deps, run, startAfter, sinkOf(res)).send(follow === 'true', signal);
  res.end();
}

/** A slow client is waited for: nothing is buffered beyond the socket's own buffer. */
function sinkOf(res: Response): FrameSink {
  return {
    async write(frame) {
      if (res.writable && !res.write(frame)) {
        await drained(res);
      }
    },
  };
}

/** Or closed: then nobody reads any more. */
async function drained(res: Response): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  const go = (): void => resolve();
  res.once('drain', go).once('close', go);
  await promise;
  // A long stream drains often: what is left behind each time would add up.
  res.off('drain', go).off('close', go);
}

function whenClosed(res: Response): AbortSignal {
  const closed = new AbortController();
  res.once('close', () => closed.abort());
  return closed.signal;
}
