import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { Deadline } from '@bullpen/core';
import type { RunQueue, TakenRun } from '@bullpen/queue';

import { QUEUE_BACKENDS, SHORT_LEASE_MS, newRun, openQueueBench, takeNothing, takeOne, takeSome, type QueueBench } from './queue-backends.ts';

jest.setTimeout(60_000);

const backlog = (orgId: string, runs: number, memoryMb = 64) => Array.from({ length: runs }, () => ({ ...newRun(orgId), memoryMb }));

/** All that can be had, which is `count` at least: a slow machine may take its time, but no more than that may come. */
async function takeAll(queue: RunQueue, count = 0): Promise<TakenRun[]> {
  const all: TakenRun[] = [];
  for (;;) {
    const some = await takeNothing(queue, 150);
    if (some.length === 0 && all.length >= count) return all;
    all.push(...some);
  }
}

describe.each(QUEUE_BACKENDS)('limits of an organization on %s', (backend) => {
  let bench: QueueBench;
  let queue: RunQueue;
  let other: RunQueue;
  beforeAll(async () => {
    bench = await openQueueBench(backend);
  });
  beforeEach(async () => {
    // The sweep must not be what brings an organization back.
    [queue, other] = await Promise.all([bench.consumer({ sweepMs: 3_600_000 }), bench.consumer({ sweepMs: 3_600_000 })]);
  });
  afterEach(() => bench.stopAll());
  afterAll(() => bench.drop());

  it('hold concurrency over all workers; a finish lets the next one start', async () => {
    await queue.setLimits('conc', { maxConcurrency: 3 });
    await queue.enqueue(backlog('conc', 8));
    const held = [...(await takeAll(queue, 3)), ...(await takeAll(other))];
    expect(held).toHaveLength(3);
    await queue.complete(held.pop()!);
    held.push(await takeOne(other));
    expect(await takeNothing(queue, 100)).toEqual([]);
    await queue.setLimits('conc', { maxConcurrency: null });
    held.push(...(await takeAll(other, 4)));
    expect(held).toHaveLength(7);
    await Promise.all(held.map((taken) => other.complete(taken)));
  });

  it('hold a concurrency that was lowered while runs follow one another', async () => {
    const taking = new AbortController();
    await queue.enqueue(backlog('lower', 12));
    const held = [...(await queue.take(1, taking.signal))];
    while (held.length < 3) held.push(...(await queue.take(1, taking.signal)));
    await other.setLimits('lower', { maxConcurrency: 1 });
    let served = 0;
    while (served < 12) {
      const taken = held.shift() ?? (await queue.take(1, taking.signal))[0];
      if (!taken) continue;
      await queue.complete(taken, { gbSeconds: 0, cpuMs: 5 });
      served += 1;
    }
    expect(served).toBe(12);
    taking.abort();
    await queue.setLimits('lower', { maxConcurrency: null });
  });

  it('hold the rate, and the end of the window brings the organization back', async () => {
    await queue.setLimits('rate', { rate: { runs: 2, windowMs: 400 } });
    await queue.enqueue(backlog('rate', 5));
    const starts: number[] = [];
    while (starts.length < 5) {
      const taken = await takeOne(queue);
      starts.push(Date.now());
      await queue.complete(taken);
    }
    expect(starts[4]! - starts[0]!).toBeGreaterThanOrEqual(700);
    await queue.setLimits('rate', { rate: null });
    await queue.enqueue(backlog('rate', 5));
    for (let left = 5; left > 0; left -= 1) await queue.complete(await takeOne(queue));
  });

  it('hold memory in flight over all workers; a finish gives it back', async () => {
    await queue.setLimits('mem', { maxMemoryInFlightMb: 1000 });
    await queue.enqueue(backlog('mem', 5, 400));
    const held = [...(await takeAll(queue, 2)), ...(await takeAll(other))];
    expect(held).toHaveLength(2);
    await queue.complete(held.pop()!);
    held.push(await takeOne(other));
    expect(await takeNothing(queue, 100)).toEqual([]);
    await other.giveBack(held.pop()!);
    held.push(await takeOne(queue));
    await queue.retryLater(held.pop()!, 0);
    held.push(await takeOne(queue));
    await queue.setLimits('mem', { maxMemoryInFlightMb: null });
    held.push(...(await takeAll(other, 2)));
    expect(held).toHaveLength(4);
    await Promise.all(held.map((taken) => queue.complete(taken)));
  });

  it('count runs that were taken before there was a memory limit', async () => {
    await queue.enqueue(backlog('before', 4, 400));
    const held = await takeSome(queue, 1);
    await queue.setLimits('before', { maxMemoryInFlightMb: 1000 });
    held.push(...(await takeAll(queue, 1)));
    expect(held).toHaveLength(2);
    await Promise.all(held.map((taken) => queue.complete(taken)));
    const rest = await takeAll(queue, 2);
    expect(rest).toHaveLength(2);
    await Promise.all(rest.map((taken) => queue.complete(taken)));
  });

  it('let a run that is larger than the memory limit run alone, rather than block the organization for ever', async () => {
    await queue.setLimits('large', { maxMemoryInFlightMb: 100 });
    await queue.enqueue(backlog('large', 2, 400));
    const first = await takeAll(queue, 1);
    expect(first).toHaveLength(1);
    await queue.complete(first[0]!);
    await queue.complete(await takeOne(queue));
  });

  it('do not stay taken by a worker that died', async () => {
    await queue.setLimits('died', { maxMemoryInFlightMb: 400, maxConcurrency: 1 });
    const dying = await bench.consumer({ leaseMs: SHORT_LEASE_MS });
    await dying.enqueue(backlog('died', 2, 400));
    const lost = await takeOne(dying);
    await dying.stop(Deadline.in(5000));
    const survivor = await bench.consumer({ leaseMs: SHORT_LEASE_MS });
    const served: string[] = [];
    for (let left = 2; left > 0; left -= 1) {
      const taken = await takeOne(survivor);
      served.push(taken.runId);
      await survivor.complete(taken);
    }
    expect(served).toContain(lost.runId);
  });

  it('pause: what runs goes on, nothing starts, whatever is enqueued, until it is resumed', async () => {
    await queue.enqueue(backlog('pause', 2));
    const running = await takeOne(queue);
    await other.setLimits('pause', { paused: true });
    await queue.complete(running);
    await queue.enqueue([...backlog('pause', 1), ...backlog('free', 1)]);
    const free = await takeOne(queue);
    expect(free.orgId).toBe('free');
    await queue.complete(free);
    expect(await takeNothing(queue, 150)).toEqual([]);
    expect((await queue.counts(['pause'])).get('pause')).toEqual({ waiting: 2, delayed: 0, active: 0 });
    expect(await queue.bullQueue('pause').isPaused()).toBe(true);
    const taking = takeOne(queue);
    await other.setLimits('pause', { paused: false });
    await queue.complete(await taking);
    await queue.complete(await takeOne(queue));
  });

  it('are read as they were set, the others at their defaults', async () => {
    await queue.setLimits('read', { weight: 2, rate: { runs: 10, windowMs: 1000 } });
    await queue.setLimits('read', { weight: 1, maxConcurrency: 5 });
    const limits = await other.getLimits(['read', 'unset']);
    const none = { weight: 1, maxConcurrency: null, rate: null, maxMemoryInFlightMb: null, paused: false };
    expect(limits.get('read')).toEqual({ ...none, maxConcurrency: 5, rate: { runs: 10, windowMs: 1000 } });
    expect(limits.get('unset')).toEqual(none);
  });

  it('drain: what waits is removed, what runs ends', async () => {
    await queue.enqueue([...backlog('drain', 3), newRun('drain', 60_000)]);
    const taken = await takeOne(queue);
    await queue.drain('drain');
    expect((await queue.counts(['drain'])).get('drain')).toEqual({ waiting: 0, delayed: 0, active: 1 });
    await queue.complete(taken);
    expect(await takeNothing(queue, 100)).toEqual([]);
  });
});
