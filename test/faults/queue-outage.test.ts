import { afterAll, afterEach, beforeAll, describe, expect, it, jest } from '@jest/globals';
import { Deadline } from '@bullpen/core';
import { createServer, connect, type AddressInfo, type Server, type Socket } from 'node:net';

import { ONE_SERVER_BACKENDS, newRun, openQueueBench, takeOne, type QueueBench } from '../conformance/queue-backends.ts';

jest.setTimeout(60_000);

/** A server's door, which can be shut: connections are cut and new ones are refused. */
async function openDoor(target: URL) {
  const sockets = new Set<Socket>();
  const keep = (socket: Socket): Socket => {
    sockets.add(socket);
    socket.on('close', () => sockets.delete(socket)).on('error', () => undefined);
    return socket;
  };
  let server: Server;
  let bytesLeft = Infinity;
  const listen = (port: number) => new Promise<void>((resolve) => {
    server = createServer((inside) => {
      const outside = keep(connect(Number(target.port), target.hostname));
      keep(inside).on('data', (chunk) => {
        outside.write(chunk.subarray(0, bytesLeft));
        bytesLeft -= chunk.length;
        if (bytesLeft < 0) shut();
      });
      outside.pipe(inside);
      inside.on('close', () => outside.destroy());
      outside.on('close', () => inside.destroy());
    });
    server.listen(port, '127.0.0.1', resolve);
  });
  let shutting: Promise<unknown> = Promise.resolve();
  function shut(): void {
    shutting = new Promise((resolve) => server.close(resolve));
    for (const socket of sockets) socket.end();
  }
  await listen(0);
  const { port } = server!.address() as AddressInfo;
  const url = new URL(target);
  url.host = `127.0.0.1:${port}`;
  return {
    url: url.href,
    async shut() {
      const closed = new Promise((resolve) => server.close(resolve));
      for (const socket of sockets) socket.destroy();
      await closed;
    },
    /** Shuts in the middle of whatever is sent, after so many bytes. */
    shutAfter(bytes: number) {
      bytesLeft = bytes;
    },
    async open() {
      bytesLeft = Infinity;
      await shutting;
      await listen(port);
    },
  };
}

/** A cluster has no one door to shut; a node of one that fails is its replica's to replace. */
describe.each(ONE_SERVER_BACKENDS)('while %s is away', (backend) => {
  let bench: QueueBench;
  let door: Awaited<ReturnType<typeof openDoor>>;
  beforeAll(async () => {
    bench = await openQueueBench(backend);
    door = await openDoor(new URL(bench.url));
  });
  afterEach(() => bench.stopAll());
  afterAll(async () => {
    await door.shut();
    await bench.drop();
  });

  it('a take that waits goes on when it is back, and a run that was added meanwhile is added', async () => {
    const consumer = await bench.consumer({ url: door.url });
    const producer = await bench.producer({ url: door.url });
    await producer.enqueue([newRun('outage')]);
    await consumer.complete(await takeOne(consumer));
    const taking = takeOne(consumer);
    await door.shut();
    const run = newRun('outage');
    const enqueuing = producer.enqueue([run]);
    await expect(producer.ping()).rejects.toThrow();
    await door.open();
    await enqueuing;
    const taken = await taking;
    expect(taken.runId).toBe(run.runId);
    await consumer.complete(taken);
  });

  it('a run that was taken before can be completed after', async () => {
    const consumer = await bench.consumer({ url: door.url });
    await consumer.enqueue([newRun('across')]);
    const taken = await takeOne(consumer);
    await door.shut();
    const completing = consumer.complete(taken);
    await door.open();
    await completing;
    expect(await consumer.missing('across', [taken.runId])).toEqual([taken.runId]);
  });

  it('a batch that is cut in the middle is not added in part', async () => {
    const [cut, direct] = await Promise.all([bench.producer({ url: door.url }), bench.producer()]);
    const batch = Array.from({ length: 1000 }, () => newRun('batch'));
    await cut.enqueue([newRun('warm')]);
    door.shutAfter(20_000);
    await expect(cut.enqueue(batch)).rejects.toMatchObject({ code: 'SERVICE_UNAVAILABLE' });
    expect((await direct.counts(['batch'])).get('batch')).toMatchObject({ waiting: 0 });
    await door.open();
    await cut.enqueue(batch);
    expect((await direct.counts(['batch'])).get('batch')).toMatchObject({ waiting: 1000 });
    await Promise.all(['batch', 'warm'].map((orgId) => direct.drain(orgId)));
  });

  it('enqueue gives up with SERVICE_UNAVAILABLE, a start fails with it, and stop does not hang', async () => {
    const queue = await bench.consumer({ url: door.url });
    const taking = queue.take(1, new AbortController().signal);
    await door.shut();
    try {
      await expect(queue.enqueue([newRun('gone')])).rejects.toMatchObject({ code: 'SERVICE_UNAVAILABLE' });
      await expect(bench.producer({ url: door.url })).rejects.toMatchObject({ code: 'SERVICE_UNAVAILABLE' });
      await queue.stop(Deadline.in(2000));
      expect(await taking).toEqual([]);
    } finally {
      await door.open();
    }
  });
});
