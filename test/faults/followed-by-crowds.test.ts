import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { freePort } from '@bullpen/infra';
import { createClient, type BullpenClient, type RunStreamItem } from '@bullpen/sdk';

import { startChild, type Child } from '../system/child-process.ts';
import { ADMIN_KEY, deploy, eventually, startSystem, type RunningSystem } from '../system/running-system.ts';

const RUNS = 1000;
/** Runs that have ended when the API process is killed, about. */
const KILL_AFTER = 200;

/** Says five things with pauses between, so that streams are cut in the middle of what is said. */
const TALKER = `async (input, ctx) => {
  for (let i = 0; i < 5; i += 1) {
    ctx.emit('tick', i);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}`;

describe('an API process that a thousand clients follow a thousand runs on', () => {
  let system: RunningSystem;
  let api: Child;
  let acme: BullpenClient;
  let port: string;
  const startApi = () => startChild('api', { ...system.env, PORT: port });

  beforeAll(async () => {
    system = await startSystem({ queue: 'redis', workers: 0, env: { BULLPEN_SLOTS: '32', BULLPEN_RATE_LIMIT: '10000000' } });
    await deploy(await system.organization('acme', { poolMb: 4096 }), 'talker', TALKER, { timeoutMs: 120_000 });
    port = String(await freePort());
    api = await startApi();
    acme = createClient({ baseUrl: `http://127.0.0.1:${port}`, apiKey: ADMIN_KEY, org: 'acme' });
  });
  afterAll(async () => {
    api.process.kill('SIGKILL');
    await api.exited;
    await system.stop();
  });

  it('is killed and replaced: every client ends with the exact sequence', async () => {
    const ids: string[] = [];
    while (ids.length < RUNS) {
      const runs = await Promise.all(Array.from({ length: 50 }, () => acme.runs.create({ agent: 'talker', memoryMb: 32 })));
      ids.push(...runs.map(({ id }) => id));
    }
    let ended = 0;
    let opened = 0;
    const follow = async (id: string): Promise<RunStreamItem[]> => {
      const items: RunStreamItem[] = [];
      for await (const item of acme.runs.events(id)) {
        if (items.length === 0) opened += 1;
        items.push(item);
      }
      ended += 1;
      return items;
    };
    const followers = ids.map(follow);
    await eventually('all streams are open', async () => (opened === RUNS ? true : undefined), 60_000);

    await system.startWorker();
    await eventually('some runs have ended', async () => (ended >= KILL_AFTER ? true : undefined), 60_000);
    api.process.kill('SIGKILL');
    await api.exited;
    expect(ended).toBeLessThan(RUNS);
    api = await startApi();

    for (const items of await Promise.all(followers)) {
      const ticks = items.flatMap((item) => (item.kind === 'event' && item.event.type === 'emit' ? [item.event.data] : []));
      const last = items.at(-1);
      const { state, error } = last?.kind === 'end' ? last.run : { state: 'no end', error: null };
      expect({ state, error, ticks }).toEqual({ state: 'succeeded', error: null, ticks: [0, 1, 2, 3, 4] });
      expect(items.filter(({ kind }) => kind === 'end')).toHaveLength(1);
    }
  }, 240_000);
});
