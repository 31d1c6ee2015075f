import { describe, expect, it, jest } from '@jest/globals';
import { migrateQueue, type RunQueue } from '@bullpen/queue';
import { Redis } from 'ioredis';
import postgres from 'postgres';

import { createEmptyDatabase } from '../services/index.ts';
import { newRun, openQueueBench, takeOne, type QueueBench } from './queue-backends.ts';

jest.setTimeout(60_000);

const ORGANIZATIONS = Array.from({ length: 100 }, (_, i) => `org-${i}`);

/** All that a worker process holds, at work for a hundred organizations. */
async function useEverything(bench: QueueBench): Promise<RunQueue> {
  const queue = await bench.consumer({ renewMs: 50 });
  const bus = await bench.busOf(queue, 'worker');
  const heard = Promise.withResolvers<void>();
  await bus.subscribe('workers.*.heartbeat', () => heard.resolve());
  await bus.publish('workers.one.heartbeat', 1);
  await heard.promise;
  await queue.enqueue(ORGANIZATIONS.map((orgId) => newRun(orgId)));
  for (const _ of ORGANIZATIONS) await queue.complete(await takeOne(queue));
  expect(await queue.take(1, AbortSignal.timeout(200))).toEqual([]);
  await Promise.all(ORGANIZATIONS.map((orgId) => queue.bullQueue(orgId).getJobCounts()));
  return queue;
}

/** Holds a run until the connection that renews is there. */
async function renewALease(queue: RunQueue, isThere: () => Promise<boolean>): Promise<void> {
  await queue.enqueue([newRun('renewed')]);
  const renewed = await takeOne(queue);
  await allThere(isThere);
  await queue.complete(renewed);
}

/** The server takes notice of a closed connection a moment later; the test's timeout is the limit. */
async function allGone(count: () => Promise<number>): Promise<void> {
  while ((await count()) > 0);
}

/** A worker connects what it waits on when it first waits; the test's timeout is the limit. */
async function allThere(isThere: () => Promise<boolean>): Promise<void> {
  while (!(await isThere()));
}

describe('a worker process', () => {
  it('holds at most 4 Redis connections for 100 organizations, and none after stop', async () => {
    const bench = await openQueueBench('redis', 9);
    const admin = new Redis(bench.url.replace(/9$/, '0'));
    const connections = async () => String(await admin.client('LIST')).split('\n').filter((line) => / db=9 /.test(line));
    try {
      const queue = await useEverything(bench);
      await renewALease(queue, async () => (await connections()).some((line) => line.includes(':leases:')));
      const idle = new AbortController();
      const waiting = queue.take(1, idle.signal);
      await allThere(async () => (await connections()).some((line) => line.includes(':ready:')));
      idle.abort();
      expect(await waiting).toEqual([]);
      const held = await connections();
      expect(held.length).toBeLessThanOrEqual(4);
      expect(held.filter((line) => line.includes(`name=${bench.prefix}:`))).toHaveLength(held.length);
      await bench.stopAll();
      await allGone(async () => (await connections()).length);
    } finally {
      await bench.stopAll();
      await bench.drop();
      await admin.quit();
    }
  });

  it('holds a bounded number of Postgres connections for 100 organizations, and none after stop', async () => {
    const bench = await openQueueBench('postgres');
    const admin = postgres(bench.url, { max: 1 });
    const connections = async (kind: string) => {
      const rows = await admin`SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND application_name LIKE ${`${kind}%`}`;
      return rows.length;
    };
    try {
      const queue = await useEverything(bench);
      await renewALease(queue, async () => (await connections('bullpen-leases:')) === 1);
      expect(await connections('bullpen-queue:')).toBeLessThanOrEqual(6);
      expect((await connections('bullpen-live:')) + (await connections('bullmq:relay:'))).toBeLessThanOrEqual(3);
      await bench.stopAll();
      await allGone(() => connections('bull'));
    } finally {
      await bench.stopAll();
      await admin.end();
      await bench.drop();
    }
  });

  it('may migrate from several processes at once, and again', async () => {
    const database = await createEmptyDatabase();
    try {
      await Promise.all([migrateQueue(database.url), migrateQueue(database.url), migrateQueue(database.url)]);
      await migrateQueue(database.url);
    } finally {
      await database.drop();
    }
  });
});
