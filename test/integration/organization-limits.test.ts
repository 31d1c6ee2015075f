import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { whySchema, type OrganizationLimits } from '@bullpen/core';
import type { BullpenClient } from '@bullpen/sdk';

import { ADMIN_KEY, deploy, eventually, startSystem, type QueueBackend, type RunningSystem } from '../system/running-system.ts';

describe.each<QueueBackend>(['redis', 'postgres'])('limits of an organization, with its queue on %s', (queue) => {
  let system: RunningSystem;
  let acme: BullpenClient;
  const limit = async (limits: Partial<OrganizationLimits>) => {
    const response = await fetch(`${system.apis[0]?.url()}/v1/organizations/acme`, {
      method: 'PATCH', headers: { authorization: `Bearer ${ADMIN_KEY}`, 'content-type': 'application/json' }, body: JSON.stringify({ limits }),
    });
    expect(response.status).toBe(200);
    return (await response.json()) as { limits: OrganizationLimits };
  };
  const states = async (ids: string[]) => Promise.all(ids.map(async (id) => (await acme.runs.get(id)).state));
  const running = async (ids: string[]) => (await states(ids)).filter((state) => state === 'running').length;

  beforeAll(async () => {
    system = await startSystem({ queue });
    acme = await system.organization('acme');
    await deploy(acme, 'echo', 'async (input) => input');
    await deploy(acme, 'napper', 'async (_input, ctx) => { await new Promise((done) => ctx.signal.addEventListener("abort", done)); }', { timeoutMs: 120_000 });
  });
  afterAll(async () => { await system.stop(); });

  it('hold how many runs are active at once, and are lifted while they wait', async () => {
    expect((await limit({ maxConcurrency: 2 })).limits).toMatchObject({ maxConcurrency: 2, weight: 1, paused: false });
    const runs = await Promise.all([1, 2, 3, 4].map(() => acme.runs.create({ agent: 'napper' })));
    const ids = runs.map((run) => run.id);
    await eventually('two run', async () => ((await running(ids)) === 2 ? true : undefined));
    const [first = ''] = (await Promise.all(ids.map(async (id) => ((await acme.runs.get(id)).state === 'running' ? id : '')))).filter(Boolean);
    await acme.runs.cancel(first);
    await acme.runs.wait(first);
    await eventually('a third runs in its place', async () => ((await states(ids)).join().match(/running/g)?.length === 2 ? true : undefined));
    expect((await states(ids)).filter((state) => state === 'queued')).toHaveLength(1);
    await limit({ maxConcurrency: null });
    await eventually('all run', async () => ((await running(ids)) === 3 ? true : undefined));
    await Promise.all(ids.filter((id) => id !== first).map((id) => acme.runs.cancel(id)));
    await Promise.all(ids.map((id) => acme.runs.wait(id)));
  });

  it('pause an organization and let it go on', async () => {
    await limit({ paused: true });
    const run = await acme.runs.create({ agent: 'echo', input: 1 }, { wait: '500ms' });
    expect(run.state).toBe('queued');
    const why = whySchema.parse(await (await fetch(`${system.apis[0]?.url()}/v1/runs/${run.id}/why`, {
      headers: { authorization: `Bearer ${ADMIN_KEY}`, 'x-bullpen-org': 'acme' },
    })).json());
    expect(why.causes[0]).toMatchObject({ cause: 'organization_paused' });
    expect(why.estimate).toBeNull();
    await limit({ paused: false });
    expect(await acme.runs.wait(run.id)).toMatchObject({ state: 'succeeded' });
  });

  it('refuse what is no limit', async () => {
    const response = await fetch(`${system.apis[0]?.url()}/v1/organizations/acme`, {
      method: 'PATCH', headers: { authorization: `Bearer ${ADMIN_KEY}`, 'content-type': 'application/json' }, body: '{"limits":{"weight":-1}}',
    });
    expect([response.status, ((await response.json()) as { code: string }).code]).toEqual([400, 'INVALID_REQUEST']);
  });

  it('leave priority and fairness key with the run', async () => {
    const run = await acme.runs.create({ agent: 'echo', priority: 1, fairnessKey: 'user-7' }, { wait: '30s' });
    expect(run).toMatchObject({ state: 'succeeded', priority: 1, fairnessKey: 'user-7' });
  });
});
