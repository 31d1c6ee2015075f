import { afterAll, afterEach, beforeAll, describe, expect, it, jest } from '@jest/globals';
import { Deadline, silentLogger } from '@bullpen/core';
import { createLaneQueue, type LaneQueue } from '@bullpen/queue';

import { QUEUE_BACKENDS, openQueueBench, type QueueBench } from './queue-backends.ts';

jest.setTimeout(60_000);

/** Turns of keys, on stock BullMQ: the same on Redis, on a cluster of it, and on Postgres. */
describe.each(QUEUE_BACKENDS)('a queue of lanes on %s', (backend) => {
  let bench: QueueBench;
  const opened: LaneQueue[] = [];
  let names = 0;

  beforeAll(async () => { bench = await openQueueBench(backend); });
  afterAll(() => bench.drop());

  afterEach(async () => {
    for (const lanes of opened.splice(0)) {
      await lanes.quiesce();
      await lanes.stop(Deadline.in(5000));
    }
  });

  async function open(name: string, act: (key: string) => Promise<boolean>, concurrency = 4): Promise<LaneQueue> {
    const lanes = createLaneQueue({ url: bench.url, prefix: bench.prefix, name, workerName: `worker-${opened.length}`, concurrency, log: silentLogger, act });
    opened.push(lanes);
    await lanes.start();
    return lanes;
  }

  const newName = () => `lanes-${names += 1}`;

  it('gives a key one turn at a time over all processes, and another while there is more', async () => {
    const name = newName();
    const turns = new Map<string, number>();
    const under = new Set<string>();
    const overlaps: string[] = [];
    const done = Promise.withResolvers<void>();
    const act = async (key: string): Promise<boolean> => {
      if (under.has(key)) overlaps.push(key);
      under.add(key);
      await new Promise((resolve) => { setImmediate(resolve); });
      under.delete(key);
      turns.set(key, (turns.get(key) ?? 0) + 1);
      if ([...turns.values()].reduce((sum, count) => sum + count, 0) === 20) done.resolve();
      return (turns.get(key) ?? 0) < 10;
    };
    const [one, two] = [await open(name, act), await open(name, act)];
    await Promise.all(Array.from({ length: 5 }, (_, n) => (n % 2 === 0 ? one : two).offer(['acme', 'birch'])));
    await done.promise;
    expect([overlaps, turns.get('acme'), turns.get('birch')]).toEqual([[], 10, 10]);
  });

  it('lets keys take turns however much there is to do for one of them, and however they are called', async () => {
    const name = newName();
    const order: string[] = [];
    const done = Promise.withResolvers<void>();
    const act = async (key: string): Promise<boolean> => {
      order.push(key);
      if (order.filter((one) => one === '12').length === 3) done.resolve();
      return key === 'flood' ? !order.includes('stop') && order.length < 200 : order.filter((one) => one === key).length < 3;
    };
    const lanes = await open(name, act, 1);
    await lanes.offer(['flood']);
    await lanes.offer(['12']);
    await done.promise;
    const last = order.lastIndexOf('12');
    expect([order.filter((one) => one === '12').length, last <= 20]).toEqual([3, true]);
  });

  it('goes on after a turn that failed, and takes the key again when it is offered', async () => {
    const name = newName();
    let turns = 0;
    const second = Promise.withResolvers<void>();
    const act = async (): Promise<boolean> => {
      turns += 1;
      if (turns === 1) throw new Error('broke');
      second.resolve();
      return false;
    };
    const lanes = await open(name, act);
    // As whoever looks for work does: again and again. What is in line or under way is not added twice.
    while (turns < 2) await lanes.offer(['acme']);
    await second.promise;
    expect(turns).toBeGreaterThanOrEqual(2);
  });
});
