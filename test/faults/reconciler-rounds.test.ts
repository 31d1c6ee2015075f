import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { createRunStore, type RunStore } from '@bullpen/db';
import { Deadline, newId, silentLogger, systemClock, type NewRun } from '@bullpen/core';
import { createMetricsCollector } from '@bullpen/metrics';
import { bullQueueAddress, createRunQueue, type RunQueue } from '@bullpen/queue';
import type { BullpenClient } from '@bullpen/sdk';
import { Reconciler } from '@bullpen/worker';

import { takeOne } from '../conformance/queue-backends.ts';
import { deploy, startSystem, type QueueBackend, type RunningSystem } from '../system/running-system.ts';

/**
 * Measured in rounds of the reconciler, not by a clock. A worker plays one every BULLPEN_RECONCILE_MS (5 s) and looks at
 * rows that are at least as old (the grace), so what the first round mends is mended within 10 s of the crash.
 */
describe.each<QueueBackend>(['redis', 'postgres'])('what a crash left between row, job and ready set on %s, after one round', (backend) => {
  let system: RunningSystem;
  let acme: BullpenClient;
  let store: RunStore;
  let queue: RunQueue;
  let reconciler: Reconciler;
  let template: NewRun;

  beforeAll(async () => {
    system = await startSystem({ queue: backend, workers: 0 });
    acme = await system.organization('acme');
    await deploy(acme, 'echo', 'async (input) => input');
    const { db, bus } = system.apis[0]!;
    const bare = { clock: systemClock, log: silentLogger };
    store = createRunStore({ db, ...bare });
    // It never sweeps: the reconciler alone mends.
    queue = createRunQueue({ url: system.env.QUEUE_URL!, prefix: system.env.QUEUE_PREFIX!, ...bare, consumer: { name: 'taker', sweepMs: 3_600_000 } });
    await queue.start();
    reconciler = new Reconciler({ db, store, queue, bus, metrics: createMetricsCollector({ db, ...bare }), ...bare, everyMs: 3_600_000, graceMs: 0, leaseMs: 0 });
    const version = (await acme.agents.versions('echo')).items[0]!;
    template = {
      id: '', orgId: 'acme', agent: 'echo', version: version.version, versionId: version.id, tier: 'basic', timeoutMs: 5000, memoryMb: 64, limits: {},
      maxAttempts: 1, backoff: { baseMs: 1, maxMs: 1, jitter: false }, inputJson: 'null', metadata: {}, priority: 5, fairnessKey: null, ttlMs: null, delayMs: 0,
      idempotencyKey: null, requestHash: null,
    } as unknown as NewRun;
  });
  afterAll(async () => {
    await queue?.stop(Deadline.in(5000));
    await system.stop();
  });

  const insert = async (): Promise<string> => {
    const id = newId('run');
    await store.insert({ ...template, id });
    return id;
  };
  const endTaken = async (runId: string): Promise<void> => {
    const taken = await takeOne(queue);
    expect(taken.runId).toBe(runId);
    await store.cancelWaiting('acme', runId);
    await queue.complete(taken);
  };

  it('a row whose job was never added has its job, and its organization is offered', async () => {
    const runId = await insert();
    expect(await queue.missing('acme', [runId])).toEqual([runId]);
    await reconciler.turn();
    await endTaken(runId);
  });

  it('a job whose organization was never marked ready, the first ever of it, is offered', async () => {
    const runId = await insert();
    // Added by a stock queue: the job is there, and the ready set does not know.
    const address = bullQueueAddress({ url: system.env.QUEUE_URL!, prefix: system.env.QUEUE_PREFIX!, orgId: 'acme' });
    expect(address.name).toBe('{acme}');
    await queue.bullQueue('acme').add('run', { orgId: 'acme', runId, memoryMb: 64 }, { jobId: runId, removeOnComplete: true });
    await reconciler.turn();
    await endTaken(runId);
  });

  it('a running row whose job was lost with the queue is queued again, under the same attempt', async () => {
    const runId = await insert();
    expect(await store.claim({ orgId: 'acme', runId, workerId: 'wkr_gone' })).toMatchObject({ kind: 'claimed', run: { attempt: 1 } });
    await reconciler.turn();
    expect(await acme.runs.get(runId)).toMatchObject({ state: 'queued', attempt: 0 });
    await endTaken(runId);
  });

  it('a second round finds nothing left to do', async () => {
    const runId = await insert();
    await reconciler.turn();
    await reconciler.turn();
    expect((await queue.counts(['acme'])).get('acme')).toEqual({ waiting: 1, delayed: 0, active: 0 });
    await endTaken(runId);
  });
});
