import { afterAll, afterEach, beforeAll, describe, expect, it, jest } from '@jest/globals';
import { Deadline, type FaultPoint, type Faults } from '@bullpen/core';
import type { TakenRun } from '@bullpen/queue';

import { QUEUE_BACKENDS, SHORT_LEASE_MS, newRun, openQueueBench, takeOne, type QueueBench } from '../conformance/queue-backends.ts';

jest.setTimeout(60_000);

/** Dies, as far as the queue can tell, the first time that it comes to `point`. */
function dieAt(point: FaultPoint): Faults {
  let isDead = false;
  return {
    hit(at) {
      if (at !== point || isDead) return;
      isDead = true;
      throw new Error(`the process died ${point}`);
    },
  };
}

/** Of a holder that is to keep its run: far longer than a starved machine keeps a process waiting. */
const LONG_LEASE_MS = 60_000;

/** Stops all, and leaves no run behind that the next test would take for its own. */
async function leaveNothing(bench: QueueBench, orgIds: readonly string[]): Promise<void> {
  await bench.stopAll();
  const eraser = await bench.producer();
  for (const orgId of orgIds) await eraser.erase(orgId);
  await bench.stopAll();
}

describe.each(QUEUE_BACKENDS)('what a crash leaves in the queue on %s', (backend) => {
  let bench: QueueBench;
  beforeAll(async () => {
    bench = await openQueueBench(backend);
  });
  afterEach(() => leaveNothing(bench, ['claimed', 'left', 'slept', 'held']));
  afterAll(() => bench.drop());

  it('is found by the sweep: what a process took before it died, and its organization', async () => {
    const dying = await bench.consumer({ leaseMs: SHORT_LEASE_MS, faults: dieAt('after-take') });
    const runs = [newRun('claimed'), newRun('claimed')];
    await dying.enqueue(runs);
    await expect(dying.take(1, new AbortController().signal)).rejects.toThrow('the process died');
    await dying.stop(Deadline.in(5000));
    const survivor = await bench.consumer({ leaseMs: LONG_LEASE_MS });
    const taken = [await takeOne(survivor), await takeOne(survivor)];
    expect(taken.find((one) => one.runId === runs[0]!.runId)).toMatchObject({ redelivered: true });
    expect(taken.find((one) => one.runId === runs[1]!.runId)).toMatchObject({ redelivered: false });
    await Promise.all(taken.map((one) => survivor.complete(one)));
  });

  it('is handed to another worker: a run whose holder went away', async () => {
    const [leaving, staying] = await Promise.all([
      bench.consumer({ leaseMs: SHORT_LEASE_MS }), bench.consumer({ leaseMs: LONG_LEASE_MS }),
    ]);
    await leaving.enqueue([newRun('left')]);
    const held = await takeOne(leaving);
    await leaving.stop(Deadline.in(5000));
    const taken = await takeOne(staying);
    expect(taken).toMatchObject({ runId: held.runId, redelivered: true });
    await staying.complete(taken);
  });

  it('is told to a holder that slept over its lease, which can then do no harm to the new one', async () => {
    // It renews far too late, as if its process had been paused.
    const sleepy = await bench.consumer({ leaseMs: SHORT_LEASE_MS, renewMs: SHORT_LEASE_MS * 3, sweepMs: 3_600_000 });
    const awake = await bench.consumer({ leaseMs: LONG_LEASE_MS });
    const lost = new Promise<TakenRun>((resolve) => sleepy.onLeaseLost(resolve));
    await sleepy.enqueue([newRun('slept')]);
    const first = await takeOne(sleepy);
    const second = await takeOne(awake);
    expect(second).toMatchObject({ runId: first.runId, redelivered: true });
    expect(await lost).toEqual(first);
    await sleepy.complete(first);
    await sleepy.retryLater(first, 0);
    await sleepy.giveBack(first);
    expect((await awake.counts(['slept'])).get('slept')).toEqual({ waiting: 0, delayed: 0, active: 1 });
    await awake.complete(second);
    expect(await awake.missing('slept', [first.runId])).toEqual([first.runId]);
  });

  it('is not taken from a holder that renews, however long it takes', async () => {
    const lostRuns: string[] = [];
    const leaseMs = SHORT_LEASE_MS * 3;
    const [holder, other] = await Promise.all([bench.consumer({ leaseMs, renewMs: 100 }), bench.consumer({ leaseMs })]);
    holder.onLeaseLost((taken) => lostRuns.push(taken.runId));
    await holder.enqueue([newRun('held')]);
    const held = await takeOne(holder);
    expect(await other.take(1, AbortSignal.timeout(leaseMs * 1.5))).toEqual([]);
    await holder.complete(held);
    expect(lostRuns).toEqual([]);
  });
});

/** On Redis both are one script, so this window is Postgres' alone. */
describe('what a crash between a job and its mark leaves in the queue on postgres', () => {
  let bench: QueueBench;
  beforeAll(async () => {
    bench = await openQueueBench('postgres');
  });
  afterEach(() => leaveNothing(bench, ['unmarked-0', 'unmarked-200', 'unknown']));
  afterAll(() => bench.drop());

  it.each([0, 200])('is found by the sweep: a job (delay %i ms) whose organization was not marked ready', async (delayMs) => {
    const orgId = `unmarked-${delayMs}`;
    const producer = await bench.producer({ faults: dieAt('after-job-before-ready') });
    // Known from an earlier run, as an organization is whose producer dies; a first run ever is the reconciler's to find.
    const consumer = await bench.consumer({ sweepMs: 3_600_000 });
    await consumer.enqueue([newRun(orgId, 3_600_000)]);
    const run = newRun(orgId, delayMs);
    await expect(producer.enqueue([run])).rejects.toThrow('the process died');
    const sweeping = await bench.consumer();
    const taken = await takeOne(sweeping);
    expect(taken).toMatchObject({ runId: run.runId, redelivered: false });
    await sweeping.complete(taken);
    await sweeping.bullQueue(orgId).drain(true);
  });

  it('is found by markReady: the first job ever of an organization that was not marked ready', async () => {
    const [producer, consumer] = await Promise.all([bench.producer({ faults: dieAt('after-job-before-ready') }), bench.consumer()]);
    const run = newRun('unknown');
    await expect(producer.enqueue([run])).rejects.toThrow('the process died');
    expect(await producer.missing('unknown', [run.runId])).toEqual([]);
    await producer.markReady(['unknown']);
    await consumer.complete(await takeOne(consumer));
  });
});
