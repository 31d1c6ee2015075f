import { afterAll, beforeAll, describe, expect, it, jest } from '@jest/globals';
import type { BullpenClient } from '@bullpen/sdk';

import { ONE_SERVER_REDIS, valkeyServer } from '../conformance/queue-backends.ts';
import { startWatchedRedis, type WatchedRedis } from '../services/redis-sentinel.ts';
import { deploy, eventually, startSystem, type RunningSystem } from '../system/running-system.ts';

jest.setTimeout(120_000);

const RUNS_BEFORE = 12;

const SERVERS = ONE_SERVER_REDIS.map((name) => ({ name, binary: name === 'valkey' ? valkeyServer() : undefined }));

describe.each(SERVERS)('a queue behind Sentinels of $name', ({ binary }) => {
  let redis: WatchedRedis;
  let system: RunningSystem;
  let acme: BullpenClient;

  beforeAll(async () => {
    redis = await startWatchedRedis(binary);
    system = await startSystem({ queue: 'redis', workers: 0, env: { QUEUE_URL: redis.url, BULLPEN_LEASE_MS: '2000' } });
    acme = await system.organization('acme');
    await deploy(acme, 'count', 'async (_input, ctx) => { await new Promise((go) => setTimeout(go, 300)); return ctx.attempt; }');
  });
  afterAll(async () => {
    await system?.stop();
    await redis?.stop();
  });

  it('goes on with the replica when the master is killed: every run ends, and is recorded once', async () => {
    await system.startWorker();
    const before = await Promise.all(Array.from({ length: RUNS_BEFORE }, () => acme.runs.create({ agent: 'count' })));
    await eventually('the first run ends', async () => ((await acme.runs.list({ state: 'succeeded' })).items.length > 0 ? true : undefined));
    await redis.killMaster();
    // Whether its job reaches the queue or not, its row is there, and the reconciler finds it.
    const after = await acme.runs.create({ agent: 'count' });
    for (const { id } of [...before, after]) {
      const done = await eventually('a run ends', async () => {
        const run = await acme.runs.get(id);
        return run.finishedAt === null ? undefined : run;
      }, 60_000);
      // What the replica did not hear of before the master died is delivered again, and found recorded.
      expect(done).toMatchObject({ state: 'succeeded', attempt: 1, result: 1 });
    }
    const recorded = await system.apis[0]!.db.sql<{ runs: number }[]>`SELECT count(*)::int AS runs FROM runs WHERE org_id = 'acme' AND state = 'succeeded'`;
    expect(recorded[0]!.runs).toBe(RUNS_BEFORE + 1);
    await eventually('the queue is empty', async () => {
      const counts = (await system.workers[0]!.queue.counts(['acme'])).get('acme')!;
      return counts.waiting + counts.delayed + counts.active === 0 ? true : undefined;
    }, 30_000);
  });
});
