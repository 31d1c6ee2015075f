import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { AVAILABLE_TIERS, type AgentManifestInput, type Tier } from '@bullpen/core';
import type { BullpenClient } from '@bullpen/sdk';

import { requireProgram } from '../services/programs.ts';
import { startSystem, type RunningSystem } from '../system/running-system.ts';
import { TEST_CERTIFICATE } from '../system/test-certificate.ts';
import { startUpstream, type Upstream } from '../system/upstream.ts';

/** Secrets, entries and egress of agents through the whole system: API, queue, worker, Postgres. */
describe('an agent that asks for things', () => {
  let system: RunningSystem;
  let upstream: Upstream;
  let acme: BullpenClient;
  let other: BullpenClient;
  beforeAll(async () => {
    requireProgram('bubblewrap');
    upstream = await startUpstream();
    system = await startSystem({ queue: 'redis', workers: 0 });
    await system.startWorker({ env: { BULLPEN_EGRESS_PRIVATE_RANGES: '127.0.0.1/32' }, egress: { resolve: async () => ['127.0.0.1'], ca: TEST_CERTIFICATE } });
    [acme, other] = [await system.organization('acme'), await system.organization('other')];
  });
  afterAll(async () => {
    await system.stop();
    await upstream.stop();
  });

  const deployed = async (client: BullpenClient, name: string, body: string, manifest: AgentManifestInput) => {
    await client.agents.deploy(name, { bundle: `export default async (input, ctx) => { ${body} };`, manifest });
    return (input: unknown = null) => client.runs.create({ agent: name, input }, { wait: '30s' });
  };

  it.each(AVAILABLE_TIERS as Tier[])('in tier %s, has them end to end', async (tier) => {
    await acme.secrets.set('API_TOKEN', 'sk-very-secret-0123456789');
    await other.secrets.set('API_TOKEN', 'of-somebody-else');
    const body = `const n = (await ctx.kv.get("n") ?? 0) + 1; await ctx.kv.set("n", n);
      const response = await ctx.fetch("https://api.upstream.test:${upstream.httpsPort}/echo"); const { headers } = await response.json();
      ctx.log(\`told \${headers["x-key"]}\`); return [n, headers["x-key"].length, (await ctx.secrets.get("API_TOKEN")).slice(0, 3)]`;
    const egress = { allow: [{ host: 'api.upstream.test', ports: [upstream.httpsPort], headers: { 'x-key': 'key ${API_TOKEN}' } }] };
    const run = await deployed(acme, `asks-${tier}`, body, { tier, secrets: ['API_TOKEN'], egress });
    await run();
    const second = await run();
    expect(second).toMatchObject({ state: 'succeeded', result: [2, 29, 'sk-'], usage: { egressRequests: 1 } });
    expect(second.usage?.egressBytesIn).toBeGreaterThan(0);
    const said = [];
    for await (const item of acme.runs.events(second.id)) said.push(item);
    expect(JSON.stringify(said)).toContain('told key [secret API_TOKEN]');
    expect(JSON.stringify(said)).not.toContain('very-secret');
    const theirs = await deployed(other, `asks-${tier}`, 'return [await ctx.kv.get("n") ?? null, await ctx.secrets.get("API_TOKEN")]', { tier, secrets: ['API_TOKEN'] });
    expect((await theirs()).result).toEqual([null, 'of-somebody-else']);
  });

  it('is ended at its limit of egress, and the run says so', async () => {
    const body = `for (;;) await ctx.fetch("https://api.upstream.test:${upstream.httpsPort}/echo")`;
    const run = await deployed(acme, 'greedy', body, { limits: { egressRequests: 2 }, egress: { allow: [{ host: 'api.upstream.test', ports: [upstream.httpsPort] }] } });
    expect(await run()).toMatchObject({ state: 'failed', error: { code: 'EGRESS_REQUESTS_EXCEEDED' }, usage: { egressRequests: 3 } });
  });

  it('has a manifest that the API checks', async () => {
    for (const manifest of [{ secrets: ['not a name'] }, { egress: { allow: [{ host: '*' }] } }, { egress: { allow: [] } }, { egress: { allow: [{ host: 'a.example.com', headers: { host: 'x' } }] } }]) {
      await expect(acme.agents.deploy('bad', { bundle: 'export default () => 1', manifest: manifest as AgentManifestInput })).rejects.toMatchObject({ code: 'INVALID_REQUEST' });
    }
  });
});

describe('secrets over the API', () => {
  let system: RunningSystem;
  beforeAll(async () => { system = await startSystem({ queue: 'postgres', workers: 0 }); });
  afterAll(() => system.stop());

  it('are set, listed and deleted, and no answer holds a value', async () => {
    const acme = await system.organization('acme');
    const other = await system.organization('other');
    const answers = [await acme.secrets.set('TOKEN', 'hidden-value'), await acme.secrets.set('TOKEN', 'hidden-value-2'), await acme.secrets.list()];
    expect(answers).toMatchObject([{ version: 1 }, { version: 2 }, { items: [{ name: 'TOKEN', version: 2 }] }]);
    expect(JSON.stringify(answers)).not.toContain('hidden');
    expect((await other.secrets.list()).items).toEqual([]);
    await expect(other.secrets.delete('TOKEN')).rejects.toMatchObject({ code: 'SECRET_NOT_FOUND' });
    await expect(acme.secrets.set('no name', 'x')).rejects.toMatchObject({ code: 'INVALID_REQUEST' });
    await expect(acme.secrets.set('TOKEN', 'x'.repeat(33_000))).rejects.toMatchObject({ code: 'INVALID_REQUEST' });
    await expect(acme.admin.rewrapSecrets()).rejects.toMatchObject({ code: 'FORBIDDEN' });
    expect(await system.admin.admin.rewrapSecrets()).toMatchObject({ rewrapped: 0 });
    await acme.secrets.delete('TOKEN');
    expect((await acme.secrets.list()).items).toEqual([]);
  });
});
