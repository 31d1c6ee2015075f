import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, jest } from '@jest/globals';
import type { RunQueue, RunUse } from '@bullpen/queue';

import { QUEUE_BACKENDS, newRun, openQueueBench, takeOne, type QueueBench } from './queue-backends.ts';

jest.setTimeout(60_000);

const costing = (seconds: number): RunUse => ({ gbSeconds: seconds / 2, cpuMs: seconds * 500 });

/** Takes and completes runs one at a time; whose they were, in order. */
async function serve(queue: RunQueue, count: number, costOf: (orgId: string) => number): Promise<string[]> {
  const served: string[] = [];
  for (let i = 0; i < count; i += 1) {
    const taken = await takeOne(queue);
    served.push(taken.orgId);
    await queue.complete(taken, costing(costOf(taken.orgId)));
  }
  return served;
}

function count(served: readonly string[], orgId: string): number {
  return served.filter((one) => one === orgId).length;
}

const backlog = (orgId: string, runs: number) => Array.from({ length: runs }, () => newRun(orgId));

describe.each(QUEUE_BACKENDS)('whose turn it is on %s', (backend) => {
  let bench: QueueBench;
  let queue: RunQueue;
  beforeAll(async () => {
    bench = await openQueueBench(backend);
  });
  beforeEach(async () => {
    queue = await bench.consumer();
  });
  afterEach(() => bench.stopAll());
  afterAll(() => bench.drop());

  it('goes by what runs cost, not by how many there are', async () => {
    await queue.enqueue([...backlog('dear', 60), ...backlog('cheap', 60)]);
    const served = await serve(queue, 55, (orgId) => (orgId === 'dear' ? 1 : 0.1));
    expect(count(served, 'dear')).toBeGreaterThanOrEqual(4);
    expect(count(served, 'dear')).toBeLessThanOrEqual(8);
    await Promise.all([queue.drain('dear'), queue.drain('cheap')]);
  });

  it('goes by weight, from the moment that it is set', async () => {
    await queue.enqueue([...backlog('light', 60), ...backlog('heavy', 60)]);
    await serve(queue, 10, () => 0.1);
    await queue.setLimits('heavy', { weight: 3 });
    const served = await serve(queue, 40, () => 0.1);
    expect(count(served, 'heavy')).toBeGreaterThanOrEqual(27);
    expect(count(served, 'heavy')).toBeLessThanOrEqual(33);
    expect((await queue.getLimits(['heavy', 'light'])).get('heavy')).toMatchObject({ weight: 3, paused: false });
    await Promise.all([queue.drain('light'), queue.drain('heavy')]);
  });

  it('owes nothing for a burst that nobody else wanted', async () => {
    await queue.enqueue(backlog('burst', 40));
    await serve(queue, 20, () => 50);
    await queue.enqueue(backlog('later', 20));
    const served = await serve(queue, 20, () => 0.1);
    expect(count(served, 'burst')).toBeGreaterThanOrEqual(8);
    await Promise.all([queue.drain('burst'), queue.drain('later')]);
  });

  it('gives the next slot to who comes while another has them all', async () => {
    await queue.enqueue(backlog('flood', 8));
    const held = [await takeOne(queue), await takeOne(queue)];
    await queue.complete(held.pop()!, costing(0.02));
    held.push(await takeOne(queue));
    for (const orgId of ['newcomer', 'one-more']) {
      await queue.enqueue([newRun(orgId)]);
      held.push(await takeOne(queue));
    }
    expect(held.map((taken) => taken.orgId)).toEqual(['flood', 'flood', 'newcomer', 'one-more']);
    for (const taken of held) await queue.complete(taken, costing(0.02));
    await queue.drain('flood');
  });

  it('gives no credit for having been idle, nor for having been cheap while alone', async () => {
    await queue.enqueue(backlog('idle', 3));
    await serve(queue, 3, () => 0.001);
    await queue.enqueue(backlog('busy', 60));
    await serve(queue, 20, () => 2);
    await queue.enqueue(backlog('idle', 40));
    const served = await serve(queue, 20, () => 0.1);
    expect(count(served, 'busy')).toBeGreaterThanOrEqual(7);
    await Promise.all([queue.drain('idle'), queue.drain('busy')]);
  });

  it('is paid for while a run lasts, not only when it ends', async () => {
    const renewing = await bench.consumer({ renewMs: 20 });
    await renewing.enqueue(backlog('endless', 30).map((run) => ({ ...run, memoryMb: 1_000_000 })));
    await renewing.enqueue(backlog('short', 30));
    let held = await takeOne(renewing);
    while (held.orgId !== 'endless') {
      await renewing.complete(held, costing(0.01));
      held = await takeOne(renewing);
    }
    // Holding 1,000 GB it owes more than what thirty short runs cost within a renewal or two.
    const served: string[] = [];
    while (count(served, 'short') < 10) {
      const taken = await takeOne(renewing);
      served.push(taken.orgId);
      if (taken.orgId === 'short') await renewing.complete(taken, costing(0.01));
    }
    expect(count(served, 'endless')).toBeLessThanOrEqual(6);
    await Promise.all([renewing.drain('endless'), renewing.drain('short')]);
  });
});
