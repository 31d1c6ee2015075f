import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { newId, type FaultPoint, type Faults } from '@bullpen/core';
import type { BullpenClient } from '@bullpen/sdk';

import { deploy, eventually, startSystem, type QueueBackend, type RunningSystem } from '../system/running-system.ts';

/** Fails once at `point`, as if the process had gone away there. */
function failOnceAt(point: FaultPoint): Faults & { hits: number } {
  const faults = {
    hits: 0,
    hit(at: FaultPoint) {
      if (at !== point || faults.hits > 0) return;
      faults.hits += 1;
      throw new Error(`fault at ${point}`);
    },
  };
  return faults;
}

describe.each<QueueBackend>(['redis', 'postgres'])('a fault between Postgres and the queue on %s', (queue) => {
  let system: RunningSystem;
  let acme: BullpenClient;

  beforeAll(async () => {
    system = await startSystem({ queue, workers: 0 });
    acme = await system.organization('acme');
    await deploy(acme, 'count', 'async (_input, ctx) => ctx.attempt');
  });
  afterAll(async () => { await system.stop(); });

  it.each<FaultPoint>(['after-claim', 'after-execute', 'after-record'])('%s: the run ends, once', async (point) => {
    const faults = failOnceAt(point);
    const worker = await system.startWorker({ faults, env: { BULLPEN_LEASE_MS: '1000' } });
    const run = await acme.runs.create({ agent: 'count' });
    expect(await acme.runs.wait(run.id)).toMatchObject({ state: 'succeeded', attempt: 1, result: 1 });
    expect(faults.hits).toBe(1);
    await eventually('its job is gone', async () => ((await worker.queue.missing('acme', [run.id])).length === 1 ? true : undefined));
    await system.stopWorkers();
  });

  it('a row whose job was never added gets one', async () => {
    const [api] = system.apis;
    await system.startWorker();
    const template = await acme.runs.create({ agent: 'count', delayMs: 3_600_000 });
    const { versions } = acme.agents;
    const version = (await versions('count')).items[0];
    const id = newId('run');
    await api?.store.insert({
      id, orgId: 'acme', agent: 'count', version: template.version, versionId: version?.id ?? '', tier: 'basic', timeoutMs: 5000, memoryMb: 64,
      maxAttempts: 1, backoff: { baseMs: 1, maxMs: 1, jitter: false }, limits: {}, inputJson: 'null', metadata: {}, priority: 5, fairnessKey: null, ttlMs: null, delayMs: 0, idempotencyKey: null, requestHash: null,
    });
    expect(await acme.runs.wait(id)).toMatchObject({ state: 'succeeded' });
    await acme.runs.cancel(template.id);
  });

  it('a run whose time-to-live passes in the queue expires and is never executed', async () => {
    const run = await acme.runs.create({ agent: 'count', delayMs: 60_000, ttlMs: 200 });
    const done = await acme.runs.wait(run.id);
    expect(done).toMatchObject({ state: 'expired', attempt: 0, startedAt: null });
    expect(done.error).toMatchObject({ code: 'EXPIRED' });
  });
});
