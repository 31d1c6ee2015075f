import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { FaultPoint } from '@bullpen/core';
import type { BullpenClient } from '@bullpen/sdk';

import { startChild } from '../system/child-process.ts';
import { deploy, eventually, startSystem, type QueueBackend, type RunningSystem } from '../system/running-system.ts';

/** Every window between taking a run and letting go of its job, and whether its result was recorded by then. */
const WINDOWS: [FaultPoint, boolean][] = [
  ['after-take', false], ['after-claim', false], ['after-execute', false], ['after-record', true], ['after-complete', true],
];

describe.each<QueueBackend>(['redis', 'postgres'])('a worker killed between take and complete, with its queue on %s', (queue) => {
  let system: RunningSystem;
  let acme: BullpenClient;

  beforeAll(async () => {
    system = await startSystem({ queue, workers: 0, env: { BULLPEN_LEASE_MS: '1500' } });
    acme = await system.organization('acme');
    await deploy(acme, 'once', 'async (_input, ctx) => ({ attempt: ctx.attempt, token: Math.random() })');
  });
  afterAll(async () => { await system.stop(); });

  it.each(WINDOWS)('%s: nothing is lost and nothing recorded twice', async (point, isRecorded) => {
    const run = await acme.runs.create({ agent: 'once' });
    const victim = await startChild('killed-worker', { ...system.env, KILL_AT: point });
    expect(await victim.exited).toBe('SIGKILL');
    const left = await acme.runs.get(run.id);
    expect(left.state === 'succeeded').toBe(isRecorded);

    const worker = await system.startWorker();
    const done = await acme.runs.wait<{ attempt: number; token: number }>(run.id);
    expect(done).toMatchObject({ state: 'succeeded', attempt: 1, result: { attempt: 1 } });
    if (isRecorded) expect(done).toEqual(left);
    await eventually('its job is gone', async () => ((await worker.queue.missing('acme', [run.id])).length === 1 ? true : undefined), 30_000);
    expect(await acme.runs.get(run.id)).toEqual(done);
    await system.stopWorkers();
  });
});
