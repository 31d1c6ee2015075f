import { afterAll, afterEach, beforeAll, describe, expect, it, jest } from '@jest/globals';
import { Deadline, silentLogger } from '@bullpen/core';
import { createRunQueue } from '@bullpen/queue';

import { QUEUE_BACKENDS, newRun, openQueueBench, takeNothing, takeOne, takeSome, type QueueBench } from './queue-backends.ts';

jest.setTimeout(60_000);

describe.each(QUEUE_BACKENDS)('the run queue on %s', (backend) => {
  let bench: QueueBench;
  beforeAll(async () => {
    bench = await openQueueBench(backend);
  });
  afterEach(() => bench.stopAll());
  afterAll(() => bench.drop());

  it('hands a run to a worker that waits, and forgets it once complete', async () => {
    const [producer, consumer] = await Promise.all([bench.producer(), bench.consumer()]);
    const run = newRun('hand');
    const taking = takeOne(consumer);
    await producer.enqueue([run]);
    const taken = await taking;
    expect(taken).toMatchObject({ orgId: 'hand', runId: run.runId, memoryMb: 64, redelivered: false });
    expect(await producer.missing('hand', [run.runId])).toEqual([]);
    await consumer.complete(taken);
    expect(await producer.missing('hand', [run.runId])).toEqual([run.runId]);
    expect((await producer.counts(['hand'])).get('hand')).toEqual({ waiting: 0, delayed: 0, active: 0 });
  });

  it('takes a run that is added twice once, and the same while it is taken', async () => {
    const queue = await bench.consumer();
    const run = newRun('twice');
    await queue.enqueue([run, run]);
    await queue.enqueue([run]);
    const taken = await takeOne(queue);
    await queue.enqueue([run]);
    expect((await queue.counts(['twice'])).get('twice')).toEqual({ waiting: 0, delayed: 0, active: 1 });
    await queue.complete(taken);
    expect(await takeNothing(queue, 100)).toEqual([]);
  });

  it('keeps the order of an organization', async () => {
    const queue = await bench.consumer();
    const runs = Array.from({ length: 12 }, () => newRun('order'));
    await queue.enqueue(runs.slice(0, 9));
    for (const run of runs.slice(9)) await queue.enqueue([run]);
    const order: string[] = [];
    for (const _ of runs) {
      const taken = await takeOne(queue);
      order.push(taken.runId);
      await queue.complete(taken);
    }
    expect(order).toEqual(runs.map((run) => run.runId));
  });

  it('alternates between organizations that both have a backlog, however long one of them is', async () => {
    const queue = await bench.consumer();
    await queue.enqueue(Array.from({ length: 40 }, () => newRun('flood')));
    await queue.enqueue(Array.from({ length: 5 }, () => newRun('light')));
    const first: string[] = [];
    for (let i = 0; i < 10; i += 1) {
      const taken = await takeOne(queue);
      first.push(taken.orgId);
      await queue.complete(taken);
    }
    expect(first.filter((orgId) => orgId === 'light')).toHaveLength(5);
    await queue.bullQueue('flood').drain();
  });

  it('serves an organization that comes back for each single run no more often than its turn', async () => {
    const queue = await bench.consumer();
    await queue.enqueue(Array.from({ length: 20 }, () => newRun('patient')));
    await queue.enqueue([newRun('again')]);
    const order: string[] = [];
    for (let i = 0; i < 16; i += 1) {
      const taken = await takeOne(queue);
      order.push(taken.orgId);
      await queue.complete(taken);
      if (taken.orgId === 'again') await queue.enqueue([newRun('again')]);
    }
    expect(order.filter((orgId) => orgId === 'patient').length).toBeGreaterThanOrEqual(7);
    await Promise.all(['patient', 'again'].map((orgId) => queue.bullQueue(orgId).drain()));
  });

  it('hands out a delayed run when its time has come, and not before', async () => {
    const queue = await bench.consumer();
    const addedMs = Date.now();
    const run = newRun('delayed', 300);
    await queue.enqueue([run]);
    expect((await queue.counts(['delayed'])).get('delayed')).toMatchObject({ waiting: 0, delayed: 1 });
    const taken = await takeOne(queue);
    expect(taken.runId).toBe(run.runId);
    expect(Date.now() - addedMs).toBeGreaterThanOrEqual(299);
    await queue.complete(taken);
  });

  it('hands out a run again after retryLater, as one that was handed out before', async () => {
    const queue = await bench.consumer();
    await queue.enqueue([newRun('retry')]);
    const first = await takeOne(queue);
    const delayedMs = Date.now();
    await queue.retryLater(first, 250);
    const second = await takeOne(queue);
    expect(Date.now() - delayedMs).toBeGreaterThanOrEqual(249);
    expect(second).toMatchObject({ runId: first.runId, redelivered: true });
    await queue.retryLater(second, 0);
    await queue.complete(await takeOne(queue));
  });

  it('brings a run forward that waits for a time: before those that came since, and to a worker that sleeps', async () => {
    const queue = await bench.consumer();
    const [first, second] = [newRun('forward'), newRun('forward')];
    await queue.enqueue([first]);
    const held = await takeOne(queue);
    expect(await queue.bringForward('forward', first.runId)).toBe(false);
    await queue.retryLater(held, 3_600_000);
    await queue.enqueue([second]);
    expect(await queue.bringForward('forward', first.runId)).toBe(true);
    expect(await queue.bringForward('forward', first.runId)).toBe(false);
    expect(await queue.bringForward('forward', 'run_nobody')).toBe(false);
    const taken = [await takeOne(queue), await takeOne(queue)];
    expect(taken.map(({ runId }) => runId)).toEqual([first.runId, second.runId]);
    await queue.complete(taken[1]!);
    await queue.retryLater(taken[0]!, 3_600_000);
    const sleeping = takeOne(queue);
    expect(await queue.bringForward('forward', first.runId)).toBe(true);
    await queue.complete(await sleeping);
  });

  it('puts a run that is given back to the front', async () => {
    const queue = await bench.consumer();
    const runs = [newRun('back'), newRun('back')];
    await queue.enqueue(runs);
    await queue.giveBack(await takeOne(queue));
    const again = await takeOne(queue);
    expect(again.runId).toBe(runs[0]!.runId);
    await queue.complete(again);
    await queue.complete(await takeOne(queue));
  });

  it('does not offer a parked organization, whatever is enqueued, and serves the others', async () => {
    const queue = await bench.consumer();
    await queue.enqueue([newRun('parked'), newRun('parked')]);
    const first = await takeOne(queue);
    const parkedMs = Date.now();
    await queue.giveBack(first, { parkMs: 700 });
    await queue.enqueue([newRun('parked'), newRun('other')]);
    const other = await takeOne(queue);
    expect(other.orgId).toBe('other');
    await queue.complete(other);
    const taken = await takeOne(queue);
    expect(taken.orgId).toBe('parked');
    expect(Date.now() - parkedMs).toBeGreaterThanOrEqual(699);
    await queue.complete(taken);
    for (let left = 2; left > 0; left -= 1) await queue.complete(await takeOne(queue));
  });

  it('offers a parked organization at once when one of its runs ends, wherever that is', async () => {
    const [one, two] = await Promise.all([bench.consumer(), bench.consumer()]);
    await one.enqueue([newRun('room'), newRun('room')]);
    const running = await takeOne(one);
    await two.giveBack(await takeOne(two), { parkMs: 3_600_000 });
    // A statement of the first one is answered, so it has heard what was said before it.
    expect(await takeNothing(one, 100)).toEqual([]);
    await one.complete(running);
    await two.complete(await takeOne(two));
  });

  it('removes waiting and delayed runs only', async () => {
    const queue = await bench.consumer();
    const [held, waiting, delayed] = [newRun('remove'), newRun('remove'), newRun('remove', 60_000)];
    await queue.enqueue([held, waiting, delayed]);
    const taken = await takeOne(queue);
    expect(taken.runId).toBe(held.runId);
    expect(await queue.missing('remove', [held.runId, 'run_none', waiting.runId, delayed.runId])).toEqual(['run_none']);
    const removed = await Promise.all([held.runId, waiting.runId, delayed.runId, 'run_none'].map((runId) => queue.remove('remove', runId)));
    expect(removed).toEqual([false, true, true, false]);
    expect((await queue.counts(['remove'])).get('remove')).toEqual({ waiting: 0, delayed: 0, active: 1 });
    await queue.complete(taken);
  });

  it('sets aside a job that is none of ours and goes on', async () => {
    const queue = await bench.consumer();
    await queue.bullQueue('foreign').add('anything', { hello: 'world' });
    await queue.enqueue([newRun('foreign')]);
    await queue.complete(await takeOne(queue));
    expect(await queue.bullQueue('foreign').getJobCounts('failed')).toEqual({ failed: 1 });
  });

  it('shows its queues to a stock BullMQ Queue', async () => {
    const queue = await bench.consumer();
    await queue.enqueue([newRun('stock'), newRun('stock'), newRun('stock', 60_000)]);
    const taken = await takeOne(queue);
    expect(await queue.bullQueue('stock').getJobCounts('waiting', 'delayed', 'active')).toEqual({ waiting: 1, delayed: 1, active: 1 });
    expect(await queue.bullQueue('stock').getJob(taken.runId)).toMatchObject({ id: taken.runId, name: 'run', data: { memoryMb: taken.memoryMb } });
    await queue.complete(taken);
    await queue.complete(await takeOne(queue));
  });

  it('touches nothing of an organization that the caller has no room for, and takes it when there is some', async () => {
    const queue = await bench.consumer();
    const [fullRun, open] = [{ ...newRun('full'), agent: 'echo', version: 3 }, newRun('open')];
    await queue.enqueue([fullRun, open]);
    let full = ['full'];
    const signal = AbortSignal.timeout(2000);
    const first: string[] = [];
    while (first.length === 0) first.push(...(await queue.take(5, signal, () => full)).map(({ runId }) => runId));
    expect(first).toEqual([open.runId]);
    expect(await queue.take(5, AbortSignal.timeout(200), () => full)).toEqual([]);
    expect(await queue.bullQueue('full').getJob(fullRun.runId)).toMatchObject({ attemptsStarted: 0 });
    full = [];
    expect(await takeOne(queue)).toMatchObject({ runId: fullRun.runId, redelivered: false, agent: 'echo', version: 3 });
  });

  it('resolves a take that waits when its signal aborts and when the queue stops', async () => {
    const queue = await bench.consumer();
    const abort = new AbortController();
    const aborted = queue.take(1, abort.signal);
    abort.abort();
    expect(await aborted).toEqual([]);
    const stopped = queue.take(1, new AbortController().signal);
    await queue.stop(Deadline.in(5000));
    expect(await stopped).toEqual([]);
  });

  it('hands out the run that a completion took along, and gives it back when nobody comes for it', async () => {
    const [queue, other] = await Promise.all([bench.consumer(), bench.consumer()]);
    const taking = new AbortController();
    const runs = Array.from({ length: 20 }, () => newRun('along'));
    await queue.enqueue(runs);
    const order: string[] = [];
    while (order.length < 19) {
      const [taken] = await queue.take(1, taking.signal);
      order.push(taken!.runId);
      await queue.complete(taken!, { gbSeconds: 0, cpuMs: 0 });
    }
    expect(order).toEqual(runs.slice(0, 19).map((run) => run.runId));
    const left = await takeOne(other);
    expect(left.runId).toBe(runs[19]!.runId);
    await other.complete(left);
  });

  it('takes nothing along once the taker has stopped', async () => {
    const queue = await bench.consumer();
    const taking = new AbortController();
    await queue.enqueue([newRun('stopped'), newRun('stopped')]);
    const [taken] = await queue.take(1, taking.signal);
    taking.abort();
    await queue.complete(taken!, { gbSeconds: 0, cpuMs: 0 });
    expect((await queue.counts(['stopped'])).get('stopped')).toEqual({ waiting: 1, delayed: 0, active: 0 });
    await queue.complete(await takeOne(queue));
  });

  it('loses no run between aborted takes', async () => {
    const queue = await bench.consumer();
    for (let i = 0; i < 30; i += 1) {
      const abort = new AbortController();
      const taking = queue.take(1, abort.signal);
      const enqueuing = queue.enqueue([newRun('abort')]);
      if (i % 3 === 0) await enqueuing;
      abort.abort();
      await enqueuing;
      const [taken] = await taking;
      await queue.complete(taken ?? (await takeOne(queue)));
    }
    expect((await queue.counts(['abort'])).get('abort')).toEqual({ waiting: 0, delayed: 0, active: 0 });
  });

  it('gives back the run that comes as its worker stops, so that another one has it at once', async () => {
    const [producer, other] = await Promise.all([bench.producer(), bench.consumer()]);
    for (let i = 0; i < 15; i += 1) {
      const stopping = await bench.consumer();
      const taking = stopping.take(1, AbortSignal.timeout(5000));
      for (let trips = i % 5; trips > 0; trips -= 1) await producer.ping();
      const [first] = await Promise.all([taking, producer.enqueue([newRun('stopping')]), stopping.stop(Deadline.in(5000))]);
      const [taken] = first.length > 0 ? first : await other.take(1, AbortSignal.timeout(15_000));
      expect(taken).toMatchObject({ orgId: 'stopping' });
      await other.complete(taken!);
    }
  });

  it('tolerates a stop before a start, a second stop, and a start after it', async () => {
    const queue = createRunQueue({ url: bench.url, prefix: bench.prefix, log: silentLogger, consumer: { name: 'restless' } });
    await queue.quiesce();
    await queue.stop(Deadline.in(1000));
    await expect(queue.enqueue([newRun('restless')])).rejects.toMatchObject({ code: 'SHUTTING_DOWN' });
    for (let i = 0; i < 3; i += 1) {
      await Promise.all([queue.start(), queue.start()]);
      await queue.ping();
      await queue.enqueue([newRun('restless')]);
      await queue.complete(await takeOne(queue));
      await Promise.all([queue.stop(Deadline.in(5000)), queue.stop(Deadline.in(5000))]);
    }
    await Promise.all([queue.start(), queue.stop(Deadline.in(5000))]);
    await queue.stop(Deadline.in(5000));
  });

  it('gives every run of 100 organizations to exactly one of two workers', async () => {
    const consumers = await Promise.all([bench.consumer(), bench.consumer()]);
    const runs = Array.from({ length: 5000 }, (_, i) => newRun(`many-${i % 100}`));
    await consumers[0]!.enqueue(runs);
    const seen: string[] = [];
    await Promise.all(consumers.map(async (queue) => {
      while (seen.length < runs.length) {
        const taken = seen.length > runs.length - 200 ? await queue.take(8, AbortSignal.timeout(500)) : await takeSome(queue, 8);
        seen.push(...taken.map((one) => one.runId));
        await Promise.all(taken.map((one) => queue.complete(one)));
      }
    }));
    expect(seen).toHaveLength(runs.length);
    expect(new Set(seen).size).toBe(runs.length);
  });
});
