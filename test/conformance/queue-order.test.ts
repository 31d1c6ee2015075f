import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, jest } from '@jest/globals';
import type { EnqueuedRun } from '@bullpen/core';
import type { RunQueue } from '@bullpen/queue';

import { QUEUE_BACKENDS, newRun, openQueueBench, takeOne, type QueueBench } from './queue-backends.ts';

jest.setTimeout(60_000);

const runs = (orgId: string, count: number, of: Pick<EnqueuedRun, 'priority' | 'fairnessKey'>) =>
  Array.from({ length: count }, () => ({ ...newRun(orgId), ...of }));

describe.each(QUEUE_BACKENDS)('the order inside an organization on %s', (backend) => {
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

  async function takeIds(count: number): Promise<string[]> {
    const ids: string[] = [];
    while (ids.length < count) {
      const taken = await takeOne(queue);
      ids.push(taken.runId);
      await queue.complete(taken);
    }
    return ids;
  }

  it('lets one end user pass the backlog of another', async () => {
    const flood = runs('users', 1000, { fairnessKey: 'flood' });
    await queue.enqueue(flood);
    const first = await takeIds(3);
    expect(first).toEqual(flood.slice(0, 3).map((run) => run.runId));
    const light = runs('users', 3, { fairnessKey: 'light' });
    await queue.enqueue(light);
    const next = await takeIds(7);
    expect(light.filter((run) => next.includes(run.runId))).toHaveLength(3);
    await queue.drain('users');
  });

  it('takes the first priority first, and the rest in the order of arrival', async () => {
    const [late, plain, early] = [runs('prio', 2, { priority: 10 }), runs('prio', 2, {}), runs('prio', 2, { priority: 1 })];
    await queue.enqueue(late);
    await queue.enqueue(plain);
    await queue.enqueue(early);
    expect(await takeIds(6)).toEqual([...early, ...plain, ...late].map((run) => run.runId));
  });

  it('starts anew once nothing waits', async () => {
    await queue.enqueue(runs('anew', 50, { fairnessKey: 'a' }));
    await takeIds(50);
    const [a, b] = [runs('anew', 2, { fairnessKey: 'a' }), runs('anew', 2, { fairnessKey: 'b' })];
    await queue.enqueue(a);
    await queue.enqueue(b);
    expect(await takeIds(4)).toEqual([a[0], b[0], a[1], b[1]].map((run) => run!.runId));
  });

  it('takes a thousand runs in one call, each once, in their order', async () => {
    const batch = runs('batch', 1000, {});
    await queue.enqueue(batch);
    expect((await queue.counts(['batch'])).get('batch')).toEqual({ waiting: 1000, delayed: 0, active: 0 });
    await queue.enqueue(batch);
    expect(await takeIds(20)).toEqual(batch.slice(0, 20).map((run) => run.runId));
    await queue.drain('batch');
  });

  it('gains an organization nothing against another', async () => {
    await queue.enqueue(Array.from({ length: 30 }, (_, i) => ({ ...newRun('split'), fairnessKey: `user-${i}` })));
    await queue.enqueue(runs('whole', 30, {}));
    const served: string[] = [];
    for (let i = 0; i < 20; i += 1) {
      const taken = await takeOne(queue);
      served.push(taken.orgId);
      await queue.complete(taken);
    }
    expect(served.filter((orgId) => orgId === 'split').length).toBeLessThanOrEqual(11);
    await Promise.all([queue.drain('split'), queue.drain('whole')]);
  });
});
