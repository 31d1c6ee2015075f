import { afterAll, beforeAll, describe, expect, it, jest } from '@jest/globals';
import { bullQueueAddress } from '@bullpen/queue';
import { createPostgresBackend, DEFAULT_SCHEMA, Queue } from 'bullmq';
import { Cluster, Redis } from 'ioredis';

import { QUEUE_BACKENDS, newRun, openQueueBench, takeOne, type QueueBackendName, type QueueBench } from './queue-backends.ts';

jest.setTimeout(60_000);

interface Plain {
  queue: Queue;
  close(): Promise<void>;
}

/** A queue as somebody without Bullpen opens it, over a connection of his own. */
function openPlain(backend: QueueBackendName, bench: QueueBench, orgId: string): Plain {
  const { url } = bench;
  const { name, prefix } = bullQueueAddress({ url, prefix: bench.prefix, orgId });
  if (backend === 'postgres') {
    const connection = { connectionString: url, max: 2, options: `-c search_path=${DEFAULT_SCHEMA}` };
    const queue = new Queue(name, { connection: connection as never, skipMetasUpdate: true }, createPostgresBackend as never) as unknown as Queue;
    return { queue, close: () => queue.close() };
  }
  const connection = url.startsWith('redis://') ? new Redis(url) : new Cluster(url.slice('redis+cluster://'.length).split(',').map((node) => ({ host: node.split(':')[0]!, port: Number(node.split(':')[1]) })));
  const queue = new Queue(name, { connection, prefix, skipMetasUpdate: true });
  return { queue, close: async () => { await queue.close(); connection.disconnect(); } };
}

describe.each(QUEUE_BACKENDS)('stock BullMQ on %s', (backend) => {
  let bench: QueueBench;
  beforeAll(async () => {
    bench = await openQueueBench(backend);
  });
  afterAll(async () => {
    await bench.stopAll();
    await bench.drop();
  });

  it('reads every queue of Bullpen: jobs in every state, counts, limits', async () => {
    const ours = await bench.consumer();
    const [held, waiting, ranked, delayed] = [newRun('stock'), newRun('stock'), { ...newRun('stock'), priority: 9, fairnessKey: 'ada' }, newRun('stock', 3_600_000)];
    await ours.enqueue([held]);
    const taken = await takeOne(ours);
    expect(taken.runId).toBe(held.runId);
    await ours.enqueue([waiting]);
    await ours.enqueue([ranked]);
    await ours.enqueue([delayed]);
    await ours.setLimits('stock', { maxConcurrency: 7, rate: { runs: 5, windowMs: 1000 } });
    const { queue, close } = openPlain(backend, bench, 'stock');
    try {
      expect(await queue.getJobCounts('waiting', 'prioritized', 'delayed', 'active')).toEqual({ waiting: 1, prioritized: 1, delayed: 1, active: 1 });
      const idsOf = async (...states: Parameters<Queue['getJobs']>[0][]) => (await queue.getJobs(states.flat() as never)).map((job) => job.id);
      expect(await idsOf('active')).toEqual([held.runId]);
      expect(await idsOf('waiting')).toEqual([waiting.runId]);
      expect(await idsOf('prioritized')).toEqual([ranked.runId]);
      expect(await idsOf('delayed')).toEqual([delayed.runId]);
      expect(await queue.getJob(waiting.runId)).toMatchObject({ id: waiting.runId, name: 'run', data: { memoryMb: 64 } });
      expect(await queue.getGlobalConcurrency()).toBe(7);
      expect(await queue.isPaused()).toBe(false);
      await ours.setLimits('stock', { paused: true });
      expect(await queue.isPaused()).toBe(true);
    } finally {
      await close();
    }
  });
});
