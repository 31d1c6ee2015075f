import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { Run } from '@bullpen/core';
import type { BullpenClient } from '@bullpen/sdk';
import type { Job } from 'bullmq';

import { deploy, eventually, startSystem, type QueueBackend, type RunningSystem } from '../system/running-system.ts';

/** The most runs that were executed at one moment. */
function mostAtOnce(runs: readonly Run[]): number {
  const moments = runs.flatMap(({ claimedAt, finishedAt }) => [{ at: Date.parse(claimedAt as string), step: 1 }, { at: Date.parse(finishedAt as string), step: -1 }]);
  // One that ends in the same millisecond as another begins made room for it.
  moments.sort((a, b) => a.at - b.at || a.step - b.step);
  let [now, most] = [0, 0];
  for (const { step } of moments) most = Math.max(most, (now += step));
  return most;
}

describe.each(['redis', 'postgres'] as QueueBackend[])('the concurrency of a version, over two workers on %s', (queue) => {
  let system: RunningSystem;
  let acme: BullpenClient;
  beforeAll(async () => {
    system = await startSystem({ queue, workers: 2 });
    acme = await system.organization('acme');
  });
  afterAll(() => system.stop());

  /** By itself the run is not to ask again within the test. Undefined while it is asking. */
  const sleepsForAnHour = async (runId: string): Promise<true | undefined> => {
    const job = (await system.workers[0]!.queue.bullQueue('acme').getJob(runId)) as Job;
    return job.changeDelay(3_600_000).then(() => true as const, () => undefined);
  };

  const napping = 'async (ms) => { await new Promise((resume) => { setTimeout(resume, ms); }); }';

  it('is never passed, while others are not held up, and all are executed', async () => {
    await deploy(acme, 'few', napping, { tier: 'basic', concurrency: 2 });
    await deploy(acme, 'many', napping, { tier: 'basic' });
    const limited = await Promise.all(Array.from({ length: 12 }, () => acme.runs.create({ agent: 'few', input: 60 })));
    const free = await Promise.all(Array.from({ length: 6 }, () => acme.runs.create({ agent: 'many', input: 60 })));
    const ended = await Promise.all(limited.map(({ id }) => acme.runs.wait(id)));
    const others = await Promise.all(free.map(({ id }) => acme.runs.wait(id)));
    expect(new Set([...ended, ...others].map(({ state, attempt }) => `${state} ${attempt}`))).toEqual(new Set(['succeeded 1']));
    expect(mostAtOnce(ended)).toBe(2);
    expect(mostAtOnce(others)).toBeGreaterThan(2);
    const lastOfFree = Math.max(...others.map(({ finishedAt }) => Date.parse(finishedAt as string)));
    expect(lastOfFree).toBeLessThan(Math.max(...ended.map(({ finishedAt }) => Date.parse(finishedAt as string))));
  });

  it('is of the version, not of the agent, and a retry does not wait for its own first attempt', async () => {
    await deploy(acme, 'turns', 'async (_, ctx) => { if (ctx.attempt === 1) throw new Error("once more"); return ctx.attempt; }', { tier: 'basic', concurrency: 1, maxAttempts: 2, backoff: { baseMs: 10, maxMs: 10, jitter: false } });
    const runs = await Promise.all(Array.from({ length: 4 }, () => acme.runs.create({ agent: 'turns' })));
    const ended = await Promise.all(runs.map(({ id }) => acme.runs.wait(id)));
    expect(ended.map(({ state, result }) => [state, result])).toEqual(Array(4).fill(['succeeded', 2]));
  });

  it('is what `why` names, until the end of one run brings the next one forward', async () => {
    await deploy(acme, 'single', napping, { tier: 'basic', concurrency: 1 });
    const running = await acme.runs.create({ agent: 'single', input: 600_000 });
    for await (const item of acme.runs.events(running.id)) if (item.kind === 'state' && item.state === 'running') break;
    const waiting = await acme.runs.create({ agent: 'single', input: 1 });
    const why = await acme.runs.why(waiting.id);
    expect(why.causes).toEqual([{ cause: 'at_version_concurrency', detail: '1 runs of version 1 of single are executed, 1 may be' }]);
    await eventually('it waits to ask again', () => sleepsForAnHour(waiting.id));
    await acme.runs.cancel(running.id);
    expect(await acme.runs.wait(waiting.id)).toMatchObject({ state: 'succeeded', attempt: 1 });
    expect((await acme.runs.why(waiting.id)).causes).toEqual([]);
  });

  it('lets a waiting run be cancelled, and has room again when a running one is', async () => {
    await deploy(acme, 'one', napping, { tier: 'basic', concurrency: 1 });
    const running = await acme.runs.create({ agent: 'one', input: 60_000 });
    for await (const item of acme.runs.events(running.id)) if (item.kind === 'state' && item.state === 'running') break;
    const waiting = await acme.runs.create({ agent: 'one', input: 1 });
    const next = await acme.runs.create({ agent: 'one', input: 1 });
    expect((await acme.runs.cancel(waiting.id)).state).toBe('cancelled');
    await acme.runs.cancel(running.id);
    expect(await acme.runs.wait(next.id)).toMatchObject({ state: 'succeeded' });
  });
});
