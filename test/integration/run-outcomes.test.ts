import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { BullpenClient } from '@bullpen/sdk';

import { deploy, startSystem, type RunningSystem } from '../system/running-system.ts';

describe('finding runs, and reading how they ended', () => {
  let system: RunningSystem;
  let acme: BullpenClient;

  beforeAll(async () => {
    system = await startSystem({ queue: 'redis', workers: 1 });
    acme = await system.organization('acme');
    await deploy(acme, 'echo', 'async (input) => input');
    await deploy(acme, 'fails', 'async () => { throw new Error("no"); }');
    await deploy(acme, 'talks', 'async (input, ctx) => { for (let i = 0; i < 5; i += 1) { ctx.log.info(`line ${i}`); ctx.log.warn(`warning ${i}`); ctx.emit("tick", i); } }');
    await deploy(acme, 'slow', 'async () => { await new Promise((resolve) => setTimeout(resolve, 60_000)); }', { timeoutMs: 120_000 });
  });
  afterAll(async () => { await system.stop(); });

  it('narrows a list by every field, alone and together', async () => {
    const start = new Date(Date.now() - 1000).toISOString();
    const one = await acme.runs.create({ agent: 'echo', tags: ['nightly', 'eu'], metadata: { customer: '42', colon: 'a:b' }, fairnessKey: 'ada' }, { wait: '30s' });
    const two = await acme.runs.create({ agent: 'echo', tags: ['nightly'], metadata: { customer: '43' }, fairnessKey: 'ben' }, { wait: '30s' });
    const bad = await acme.runs.create({ agent: 'fails', tags: ['nightly'] }, { wait: '30s' });
    expect([one.tags, bad.tags]).toEqual([['nightly', 'eu'], ['nightly']]);
    const ids = async (options: Parameters<BullpenClient['runs']['list']>[0]) => (await acme.runs.list(options)).items.map(({ id }) => id);
    expect(await ids({ tag: 'nightly' })).toEqual([bad.id, two.id, one.id]);
    expect(await ids({ tag: ['nightly', 'eu'] })).toEqual([one.id]);
    expect(await ids({ metadata: { customer: '42', colon: 'a:b' } })).toEqual([one.id]);
    expect(await ids({ fairnessKey: 'ben' })).toEqual([two.id]);
    expect(await ids({ errorCode: 'AGENT_THREW' })).toEqual([bad.id]);
    expect(await ids({ state: ['failed', 'succeeded'], queuedAfter: start })).toEqual([bad.id, two.id, one.id]);
    expect(await ids({ state: 'succeeded', tag: 'nightly', agent: 'echo', version: 1 })).toEqual([two.id, one.id]);
    expect(await ids({ version: 2 })).toEqual([]);
    expect(await ids({ queuedBefore: start })).toEqual([]);
    await expect(acme.runs.list({ tag: 'not a tag' })).rejects.toMatchObject({ code: 'INVALID_REQUEST' });
  });

  it('waits for a run that is there already, as often as it is asked', async () => {
    const url = system.apis[0]?.url();
    const waitFor = async (id: string, timeout: string) => {
      const { secret } = await system.admin.keys.create({ orgId: 'acme', role: 'viewer' });
      return fetch(`${url}/v1/runs/${id}/wait?timeout=${timeout}`, { headers: { authorization: `Bearer ${secret}` } });
    };
    const slow = await acme.runs.create({ agent: 'slow' });
    expect((await waitFor(slow.id, '10ms')).status).toBe(202);
    const waiting = waitFor(slow.id, '30s');
    await acme.runs.cancel(slow.id);
    const over = await waiting;
    expect([over.status, await over.json()]).toEqual([200, expect.objectContaining({ id: slow.id, state: 'cancelled' })]);
    expect((await waitFor(slow.id, '30s')).status).toBe(200);
  });

  it('reads log lines from a level up, page after page', async () => {
    const { id } = await acme.runs.create({ agent: 'talks' }, { wait: '30s' });
    const first = await acme.runs.logs(id, { level: 'warn', limit: 3 });
    const second = await acme.runs.logs(id, { level: 'warn', limit: 3, after: first.nextAfter ?? -1 });
    expect([...first.items, ...second.items].map(({ event }) => event.message)).toEqual([0, 1, 2, 3, 4].map((i) => `warning ${i}`));
    expect(second.nextAfter).toBeNull();
    expect((await acme.runs.logs(id)).items).toHaveLength(10);
  });

  it('downloads a result, and says why there is none', async () => {
    const good = await acme.runs.create({ agent: 'echo', input: { a: [1, 'two'] } }, { wait: '30s' });
    const bad = await acme.runs.create({ agent: 'fails' }, { wait: '30s' });
    const late = await acme.runs.create({ agent: 'echo', delayMs: 3_600_000 });
    expect(await acme.runs.result(good.id)).toEqual({ a: [1, 'two'] });
    await expect(acme.runs.result(bad.id)).rejects.toMatchObject({ code: 'NOT_FOUND' });
    await expect(acme.runs.result(late.id)).rejects.toMatchObject({ code: 'RUN_NOT_FINISHED' });
    await acme.runs.cancel(late.id);
  });
});
