import { createHash } from 'node:crypto';

import { defined, type CreateRunBatch, type Run, type RunBatch, type RunSummary } from '@bullpen/core';

import { hashRequest } from './request-hash.ts';
import type { BatchItem, RunService } from './run-service.ts';

/**
 * Many runs of one organization, all or none. With a key of its own the batch is made once: each run's key follows from it
 * and the place in the batch, and only the very same batch may bring it again. A run that has a key itself is made once
 * whatever batch brings it.
 */
export async function createBatch(runs: RunService, orgId: string, batch: CreateRunBatch, { batchKey, traceparent }: { batchKey: string | null; traceparent: string | null }): Promise<RunBatch> {
  const requests = batch.runs.map(({ idempotencyKey, ...request }) => ({ request, key: idempotencyKey ?? null }));
  const hashes = requests.map(({ request }) => hashRequest(defined(request) as typeof request));
  const batchHash = createHash('sha256').update(hashes.join()).digest('hex');
  const items = requests.map(({ request, key }, place): BatchItem => {
    if (key !== null) return { request, idempotency: { key, requestHash: hashes[place]! } };
    // A space, which no key of a caller's has.
    return { request, idempotency: batchKey === null ? null : { key: `${batchKey} ${place}`, requestHash: `${batchHash}:${place}` } };
  });
  const made = await runs.createAll(orgId, items, traceparent);
  return { created: made.filter(({ created }) => created).length, runs: made.map(({ run, created }) => ({ run: summaryOf(run), created })) };
}

function summaryOf({ input: _input, result: _result, ...summary }: Run): RunSummary {
  return summary;
}
