import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { createClient, type BullpenClient, type RunStreamItem } from '@bullpen/sdk';

import { startChild, type Child } from '../system/child-process.ts';
import { ADMIN_KEY, deploy, startSystem, type QueueBackend, type RunningSystem } from '../system/running-system.ts';

/** The system as it is deployed: two API processes and two workers, each a process of its own, over real HTTP. */
const COUNTER = `async ({ n, everyMs = 20 }, ctx) => {
  for (let i = 0; i < n; i += 1) {
    ctx.emit('tick', i);
    await new Promise((resume) => { setTimeout(resume, everyMs); });
  }
  return n;
}`;

const QUOTA = 200;

async function gathered(items: AsyncIterable<RunStreamItem>): Promise<RunStreamItem[]> {
  const all: RunStreamItem[] = [];
  for await (const item of items) all.push(item);
  return all;
}

describe.each<QueueBackend>(['redis', 'postgres'])('two API processes and two workers, with the queue on %s', (queue) => {
  let system: RunningSystem;
  let apis: Child[];
  let workers: Child[];
  let key: string;
  const urlOf = (api: Child | undefined): string => api?.ready.url as string;
  const clientOf = (api: Child | undefined, apiKey = key): BullpenClient => createClient({ baseUrl: urlOf(api), apiKey });

  beforeAll(async () => {
    system = await startSystem({ queue, workers: 0, env: { BULLPEN_RATE_LIMIT: String(QUOTA * 100) } });
    apis = await Promise.all([0, 1].map(() => startChild('api', system.env)));
    workers = await Promise.all([0, 1].map(() => startChild('worker', { ...system.env, BULLPEN_SLOTS: '4' })));
    const acme = await system.organization('acme');
    await deploy(acme, 'counter', COUNTER, { tier: 'basic', timeoutMs: 60_000 });
    key = (await system.admin.keys.create({ orgId: 'acme' })).secret;
  });
  afterAll(async () => {
    for (const { process, exited } of [...apis, ...workers]) {
      process.kill('SIGKILL');
      await exited;
    }
    await system.stop();
  });

  const ticksOf = (items: readonly RunStreamItem[]): unknown[] => items.flatMap((item) => (item.kind === 'event' && item.event.type === 'emit' ? [item.event.data] : []));
  const upTo = (n: number): number[] => Array.from({ length: n }, (_, i) => i);

  it('lets a run be posted to one and waited for at the other, and both workers take some', async () => {
    const [one, other] = apis.map((api) => clientOf(api)) as [BullpenClient, BullpenClient];
    const runs = await Promise.all(upTo(24).map(() => one.runs.create({ agent: 'counter', input: { n: 3 } })));
    const ended = await Promise.all(runs.map(({ id }) => other.runs.wait<number>(id)));
    expect(ended.map(({ state, result, attempt }) => [state, result, attempt])).toEqual(Array(24).fill(['succeeded', 3, 1]));
    expect(new Set(ended.map(({ workerId }) => workerId)).size).toBe(2);
  });

  it('streams at one what was posted to the other, live and afterwards, the same', async () => {
    const [one, other] = apis.map((api) => clientOf(api)) as [BullpenClient, BullpenClient];
    const run = await one.runs.start({ agent: 'counter', input: { n: 15 } });
    const live = await gathered(other.run(run.id).stream());
    expect(ticksOf(live)).toEqual(upTo(15));
    expect(live.at(-1)).toMatchObject({ kind: 'end', run: { state: 'succeeded' } });
    const later = await gathered(one.run(run.id).stream({ follow: false }));
    expect(later.filter(({ kind }) => kind === 'event')).toEqual(live.filter(({ kind }) => kind === 'event'));
  });

  it('takes a run once under one key, whichever process is asked, at once and later', async () => {
    const clients = apis.map((api) => clientOf(api));
    const request = { agent: 'counter', input: { n: 1 } };
    const posts = await Promise.all(upTo(20).map((i) => (clients[i % 2] as BullpenClient).runs.create(request, { idempotencyKey: 'shared-1' })));
    const [id] = posts.map((run) => run.id);
    expect(new Set(posts.map((run) => run.id))).toEqual(new Set([id]));
    for (const client of clients) {
      expect((await client.runs.create(request, { idempotencyKey: 'shared-1', wait: '30s' })).id).toBe(id);
      await expect(client.runs.create({ ...request, input: { n: 2 } }, { idempotencyKey: 'shared-1' })).rejects.toMatchObject({ code: 'IDEMPOTENCY_KEY_REUSED', facts: { httpStatus: 422 } });
    }
    const answer = await fetch(`${urlOf(apis[1])}/v1/runs`, {
      method: 'POST', body: JSON.stringify(request), headers: { authorization: `Bearer ${key}`, 'content-type': 'application/json', 'idempotency-key': 'shared-1' },
    });
    expect([answer.status, answer.headers.get('idempotent-replayed'), ((await answer.json()) as { id: string }).id]).toEqual([200, 'true', id]);
  });

  it('answers a request that is under way elsewhere with 409, and with the same answer once it is through', async () => {
    const headers = { authorization: `Bearer ${ADMIN_KEY}`, 'x-bullpen-org': 'acme', 'content-type': 'application/json', 'idempotency-key': 'shared-2' };
    const post = async (api: Child | undefined) => {
      const answer = await fetch(`${urlOf(api)}/v1/keys`, { method: 'POST', body: '{"name":"shared","orgId":"acme"}', headers });
      return { status: answer.status, ...((await answer.json()) as { id?: string; code?: string }) };
    };
    const answers = await Promise.all(upTo(20).map((i) => post(apis[i % 2])));
    const made = answers.filter(({ status }) => status === 201);
    expect(made.length).toBeGreaterThan(0);
    expect(answers.every(({ status, code }) => status === 201 || (status === 409 && code === 'IDEMPOTENCY_IN_FLIGHT'))).toBe(true);
    expect(new Set([...made, await post(apis[0]), await post(apis[1])].map(({ id }) => id)).size).toBe(1);
  });

  it('shares the quota of a key', async () => {
    const limited = await Promise.all([0, 1].map(() => startChild('api', { ...system.env, BULLPEN_RATE_LIMIT: String(QUOTA) })));
    try {
      const { secret } = await system.admin.keys.create({ orgId: 'acme' });
      const asked = () => Promise.all(upTo(QUOTA + 40).map(async (i) => {
        const answer = await fetch(`${urlOf(limited[i % 2])}/v1/whoami`, { headers: { authorization: `Bearer ${secret}` } });
        await answer.arrayBuffer();
        return { status: answer.status, window: Math.floor(Date.now() / 60_000) };
      }));
      const answers = await asked();
      const letIn = answers.filter(({ status }) => status === 200).length;
      // At the turn of a minute there are two windows.
      const windows = new Set(answers.map(({ window }) => window)).size;
      expect(letIn).toBeLessThanOrEqual(QUOTA * windows);
      expect(answers.filter(({ status }) => status === 429).length).toBe(answers.length - letIn);
      if (windows === 1) expect(letIn).toBeGreaterThan(QUOTA * 0.9);
    } finally {
      for (const { process, exited } of limited) {
        process.kill('SIGKILL');
        await exited;
      }
    }
  });

  it('loses nothing when an API process is killed in the middle: clients go on at the other one', async () => {
    const doomed = await startChild('api', system.env);
    let front = urlOf(doomed);
    // What a load balancer does: the same address, another process behind it.
    const fetchOverFront: typeof fetch = (url, init) => fetch(String(url).replace('http://front.test', front), init);
    const client = createClient({ baseUrl: 'http://front.test', apiKey: key, fetch: fetchOverFront as never });
    const runs = await Promise.all(upTo(6).map(() => client.runs.start<number>({ agent: 'counter', input: { n: 40 } })));
    const heard: RunStreamItem[][] = runs.map(() => []);
    const spoken = Promise.withResolvers<void>();
    const following = runs.map(async (run, i) => {
      for await (const item of run.stream()) {
        heard[i]?.push(item);
        if (heard.every((items) => ticksOf(items).length > 2)) spoken.resolve();
      }
    });
    const waiting = Promise.all(runs.map((run) => run.wait()));
    await spoken.promise;
    doomed.process.kill('SIGKILL');
    await doomed.exited;
    front = urlOf(apis[0]);
    const posted = await client.runs.create({ agent: 'counter', input: { n: 1 } }, { wait: '30s' });
    await Promise.all(following);
    expect(heard.map(ticksOf)).toEqual(Array(6).fill(upTo(40)));
    expect(heard.every((items) => items.filter(({ kind }) => kind === 'end').length === 1)).toBe(true);
    expect((await waiting).map(({ state, result, attempt }) => [state, result, attempt])).toEqual(Array(6).fill(['succeeded', 40, 1]));
    expect(posted.state).toBe('succeeded');
  });
});
