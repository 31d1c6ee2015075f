import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { Deadline, silentLogger, type Logger } from '@bullpen/core';
import { HEARTBEAT_PATTERN, cancelTopic, createLiveBus, heartbeatTopic, runTopic, type LiveBus } from '@bullpen/queue';
import { Redis } from 'ioredis';

import { ONE_SERVER_REDIS, QUEUE_BACKENDS, openQueueBench, type QueueBench } from './queue-backends.ts';

jest.setTimeout(60_000);

let orgs = 0;

/** Hears on a pattern; `next` is the next message that was not asked for yet. */
async function hear(bus: LiveBus, pattern: string) {
  const heard: { topic: string; data: unknown }[] = [];
  const waiting: (() => void)[] = [];
  const stop = await bus.subscribe(pattern, (data, topic) => {
    heard.push({ topic, data });
    waiting.shift()?.();
  });
  return {
    stop,
    async next() {
      if (heard.length === 0) await new Promise<void>((resolve) => waiting.push(resolve));
      return heard.shift()!;
    },
  };
}

describe.each(QUEUE_BACKENDS)('the live bus on %s', (backend) => {
  let bench: QueueBench;
  beforeAll(async () => {
    bench = await openQueueBench(backend);
  });
  /** Its own for each test: a cluster may deliver what one test said to the next one's listeners. */
  let org: string;
  beforeEach(() => {
    org = `org_${(orgs += 1)}`;
  });
  afterEach(() => bench.stopAll());
  afterAll(() => bench.drop());

  it('carries messages to every process that listens, its own included', async () => {
    const [api, worker] = await Promise.all([bench.bus('api'), bench.bus('worker')]);
    const ears = await Promise.all([hear(api, runTopic(org, 'run_1')), hear(worker, runTopic(org, 'run_1'))]);
    await worker.publish(runTopic(org, 'run_2'), 'of another run');
    await worker.publish(runTopic(org, 'run_1'), { kind: 'state', n: [1, null, 'é'] });
    for (const ear of ears) expect(await ear.next()).toEqual({ topic: `runs.${org}.run_1`, data: { kind: 'state', n: [1, null, 'é'] } });
  });

  it('hears the heartbeats of all workers with one pattern, and no cancel', async () => {
    const [api, worker] = await Promise.all([bench.bus('api'), bench.bus('worker')]);
    const heartbeats = await hear(api, HEARTBEAT_PATTERN);
    await worker.publish(cancelTopic('wkr_1'), { orgId: org, runId: 'run_1' });
    await worker.publish(heartbeatTopic('wkr_1'), 1);
    await worker.publish(heartbeatTopic('wkr_2'), 2);
    const heard = [await heartbeats.next(), await heartbeats.next()];
    expect(heard.map(({ topic, data }) => [topic, data])).toEqual([['workers.wkr_1.heartbeat', 1], ['workers.wkr_2.heartbeat', 2]]);
  });

  it('hears what one process says in the order in which it was said', async () => {
    const [api, worker] = await Promise.all([bench.bus('api'), bench.bus('worker')]);
    const ear = await hear(api, runTopic(org, '*'));
    const said = Array.from({ length: 300 }, (_, n) => n);
    for (const n of said) await worker.publish(runTopic(org, `run_${n % 3}`), n);
    const heard: unknown[] = [];
    while (heard.length < said.length) heard.push((await ear.next()).data);
    expect(heard).toEqual(said);
  });

  it('takes a star for one word, and no more', async () => {
    const bus = await bench.bus('api');
    const ear = await hear(bus, 'runs.*.last');
    for (const topic of ['runs.a.b.last', 'runs.last', 'others.a.last', 'runs.a.last']) await bus.publish(topic, topic);
    expect(await ear.next()).toMatchObject({ data: 'runs.a.last' });
  });

  it('goes on hearing where one listener leaves as the next one comes', async () => {
    const bus = await bench.bus('api');
    for (let n = 1; n <= 20; n += 1) {
      const { stop } = await hear(bus, `runs.${org}.run_1`);
      const [next] = await Promise.all([hear(bus, `runs.${org}.run_1`), stop()]);
      await bus.publish(`runs.${org}.run_1`, n);
      expect(await next.next()).toMatchObject({ data: n });
      const leaving = next.stop();
      const last = await hear(bus, `runs.${org}.run_1`);
      await leaving;
      await bus.publish(`runs.${org}.run_1`, -n);
      expect(await last.next()).toMatchObject({ data: -n });
      await last.stop();
    }
  });

  it('hears nothing more once it has stopped, though the queue that it was over goes on', async () => {
    const queue = await bench.producer();
    const [stopped, next] = [await bench.busOf(queue, 'stopped'), await bench.busOf(queue, 'next')];
    const heard: unknown[] = [];
    for (const pattern of [`runs.${org}.run_1`, `runs.${org}.*`]) await stopped.subscribe(pattern, (data) => void heard.push(data));
    const ear = await hear(next, `runs.${org}.run_1`);
    await stopped.stop(Deadline.in(5000));
    await next.publish(`runs.${org}.run_1`, 'later');
    expect(await ear.next()).toMatchObject({ data: 'later' });
    expect(heard).toEqual([]);
  });

  it('shares one subscription among listeners, until the last one leaves', async () => {
    const bus = await bench.bus('api');
    const [first, second] = [await hear(bus, `runs.${org}.*`), await hear(bus, `runs.${org}.*`)];
    await first.stop();
    await first.stop();
    await bus.publish(`runs.${org}.run_1`, 1);
    expect(await second.next()).toMatchObject({ data: 1 });
    await second.stop();
    const third = await hear(bus, `runs.${org}.*`);
    await bus.publish(`runs.${org}.run_1`, 2);
    expect(await third.next()).toMatchObject({ data: 2 });
  });

  it('goes on when a listener throws', async () => {
    const bus = await bench.bus('api');
    await bus.subscribe(`runs.${org}.*`, () => { throw new Error('a listener of the test'); });
    const ear = await hear(bus, `runs.${org}.*`);
    await bus.publish(`runs.${org}.run_1`, 1);
    await bus.publish(`runs.${org}.run_1`, 2);
    expect([await ear.next(), await ear.next()].map(({ data }) => data)).toEqual([1, 2]);
  });

  it('drops what is too large or cannot be sent, says so, and rejects nothing', async () => {
    const events: string[] = [];
    const log: Logger = { ...silentLogger, warn: (_, event) => void events.push(event), child: () => log };
    const bus = createLiveBus({ url: bench.url, prefix: bench.prefix, name: 'bounded', log });
    await bus.publish(`runs.${org}.run_1`, 'before the start');
    await bus.start();
    await bus.publish(`runs.${org}.run_1`, 'x'.repeat(300_000));
    await bus.publish(`runs.${org}.run_1`, { n: 1n });
    await bus.publish('not a topic', 1);
    await bus.stop(Deadline.in(5000));
    await bus.stop(Deadline.in(5000));
    await bus.publish(`runs.${org}.run_1`, 'after the stop');
    expect(events).toEqual(Array.from({ length: 5 }, () => 'live.publish_failed'));
    await expect(bus.subscribe(`runs.${org}.*`, () => undefined)).rejects.toMatchObject({ code: 'SHUTTING_DOWN' });
  });
});

describe.each(ONE_SERVER_REDIS)('the live bus on one %s', (backend) => {
  let bench: QueueBench;
  const buses: LiveBus[] = [];
  beforeAll(async () => {
    bench = await openQueueBench(backend);
  });
  afterEach(async () => {
    for (const bus of buses.splice(0)) await bus.stop(Deadline.in(5000));
    await bench.stopAll();
  });
  afterAll(() => bench.drop());

  async function start(options: { url?: string; prefix?: string }): Promise<LiveBus> {
    const bus = createLiveBus({ url: bench.url, prefix: bench.prefix, name: 'one', log: silentLogger, ...options });
    buses.push(bus);
    await bus.start();
    return bus;
  }

  it('keeps databases and prefixes apart, whatever a prefix is made of', async () => {
    const [own, database, odd, similar] = await Promise.all([
      start({}), start({ url: bench.url.replace(/\d+$/, '5') }), start({ prefix: `${bench.prefix}[x]*` }), start({ prefix: `${bench.prefix}xy` }),
    ]);
    const ear = await hear(odd, 'runs.*.run_1');
    for (const bus of [own, database, similar, odd]) await bus.publish('runs.acme.run_1', bus === odd);
    expect(await ear.next()).toEqual({ topic: 'runs.acme.run_1', data: true });
  });

  it('hears again after its connections were lost', async () => {
    const [ears, mouth] = await Promise.all([start({}), start({})]);
    const [topic, pattern] = [await hear(ears, 'runs.acme.run_1'), await hear(ears, 'runs.*.run_1')];
    const admin = new Redis(bench.url);
    await admin.call('CLIENT', 'KILL', 'TYPE', 'pubsub');
    // Until Redis has both subscriptions again; the test's timeout is the limit.
    const isBack = async () => ((await admin.pubsub('CHANNELS', `${bench.prefix}::live:*`)) as string[]).length > 0 && Number(await admin.pubsub('NUMPAT')) > 0;
    while (!(await isBack()));
    await mouth.publish('runs.acme.run_1', 'after');
    expect([await topic.next(), await pattern.next()].map(({ data }) => data)).toEqual(['after', 'after']);
    await admin.quit();
  });

  it('says so where somebody else speaks on its channels, and goes on', async () => {
    const events: string[] = [];
    const log: Logger = { ...silentLogger, warn: (_, event) => void events.push(event), child: () => log };
    const bus = createLiveBus({ url: bench.url, prefix: bench.prefix, name: 'one', log });
    buses.push(bus);
    await bus.start();
    const ear = await hear(bus, 'runs.acme.run_1');
    const admin = new Redis(bench.url);
    const [channel = ''] = (await admin.pubsub('CHANNELS', `${bench.prefix}::live:*`)) as string[];
    await admin.publish(channel, 'no JSON');
    await bus.publish('runs.acme.run_1', 1);
    expect(await ear.next()).toMatchObject({ data: 1 });
    expect(events).toEqual(['live.message_refused']);
    await admin.quit();
  });
});
