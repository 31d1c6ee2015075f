import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import type { FaultPoint, Faults } from '@bullpen/core';
import type { BullpenClient } from '@bullpen/sdk';

import { deploy, eventually, startSystem, type QueueBackend, type RunningSystem } from '../system/running-system.ts';

/** Does not leave `at` until somebody comes to `until` for the second time. */
function holdAt(at: FaultPoint, until: FaultPoint): Faults & { wasHeld: boolean } {
  const secondTime = Promise.withResolvers<void>();
  let times = 0;
  const faults = {
    wasHeld: false,
    async hit(point: FaultPoint) {
      if (point === until && (times += 1) === 2) secondTime.resolve();
      if (point !== at || faults.wasHeld) return;
      await secondTime.promise;
      faults.wasHeld = true;
    },
  };
  return faults;
}

describe.each<QueueBackend>(['redis', 'postgres'])('a cancel, with its queue on %s', (queue) => {
  let system: RunningSystem;
  let acme: BullpenClient;

  beforeAll(async () => {
    system = await startSystem({ queue, workers: 0 });
    acme = await system.organization('acme');
    await deploy(acme, 'second-time-long', `async (_input, ctx) => {
      if (ctx.attempt === 1) throw new Error("not this time");
      await new Promise((_, reject) => ctx.signal.addEventListener("abort", () => reject(ctx.signal.reason)));
    }`);
  });
  afterEach(() => system.stopWorkers());
  afterAll(async () => { await system.stop(); });

  const begin = async (): Promise<string> => {
    const { id } = await acme.runs.create({ agent: 'second-time-long', maxAttempts: 2, backoff: { baseMs: 1, maxMs: 1, jitter: false }, timeoutMs: 300_000 });
    await eventually('its second attempt runs', async () => {
      const { state, attempt } = await acme.runs.get(id);
      return state === 'running' && attempt === 2 ? true : undefined;
    });
    return id;
  };

  it('reaches a run that its worker took again before it was through with the first time', async () => {
    const faults = holdAt('after-complete', 'after-claim');
    await system.startWorker({ faults });
    const id = await begin();
    await eventually('the first time is through', async () => faults.wasHeld || undefined);
    await acme.runs.cancel(id);
    expect(await acme.runs.wait(id)).toMatchObject({ state: 'cancelled', attempt: 2, error: { code: 'CANCELLED' } });
  });

  it('reaches a run although its message is lost', async () => {
    await system.startWorker();
    const id = await begin();
    // What the API does, without telling anybody.
    expect(await system.apis[0]?.store.requestCancel('acme', id)).toMatchObject({ outcome: 'requested' });
    expect(await acme.runs.wait(id)).toMatchObject({ state: 'cancelled', attempt: 2, error: { code: 'CANCELLED' } });
  });
});
