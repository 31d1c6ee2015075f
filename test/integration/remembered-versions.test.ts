import { afterAll, beforeAll, describe, expect, it, jest } from '@jest/globals';
import type { BullpenApi } from '@bullpen/api';
import type { BullpenClient } from '@bullpen/sdk';

import { startSystem, type RunningSystem } from '../system/running-system.ts';

type CreateRunRequest = Parameters<BullpenClient['runs']['create']>[0];

/** Somebody deploys through one API process while runs are posted to another, which has the old version in mind. */
describe('a version that an API process remembers', () => {
  let system: RunningSystem;
  let elsewhere: BullpenClient;
  let here: BullpenClient;
  let hereApi: BullpenApi;

  const upload = (agent: string, number: number) => elsewhere.agents.deploy(agent, { bundle: `export default async () => ${number};\n` });
  const versionOf = async (request: CreateRunRequest) => (await here.runs.create(request)).version;
  /** What a crowd is given that arrives at once. */
  const versionsOf = async (request: CreateRunRequest) => [...new Set(await Promise.all(Array.from({ length: 20 }, () => versionOf(request))))];
  /** Has it in mind: the second one did not look it up. */
  const remember = async (request: CreateRunRequest, version: number) => {
    for (let n = 0; n < 2; n += 1) expect(await versionOf(request)).toBe(version);
  };

  beforeAll(async () => {
    system = await startSystem({ queue: 'redis', workers: 1 });
    hereApi = await system.startApi();
    elsewhere = await system.organization('acme');
    here = system.clientOf(hereApi, 'acme');
  });
  afterAll(async () => { await system.stop(); });

  it('is not looked up again', async () => {
    await upload('often', 1);
    await remember({ agent: 'often' }, 1);
    const asked = jest.spyOn(hereApi.db.keyed, 'unsafe');
    expect(await versionsOf({ agent: 'often' })).toEqual([1]);
    const texts = asked.mock.calls.map(([text]) => text);
    asked.mockRestore();
    expect(texts.filter((text) => text.includes('INSERT INTO runs')).length).toBeGreaterThan(0);
    expect(texts.filter((text) => text.includes('agent_versions'))).toEqual([]);
  });

  it('is given up for a newer one, and for what a deployment says', async () => {
    await upload('moved', 1);
    await remember({ agent: 'moved' }, 1);
    await upload('moved', 2);
    expect(await versionsOf({ agent: 'moved' })).toEqual([2]);
    await elsewhere.deployments.put('moved', 'production', { version: 1 });
    expect(await versionsOf({ agent: 'moved' })).toEqual([1]);
    await upload('moved', 3);
    await remember({ agent: 'moved' }, 1);
    await elsewhere.deployments.put('moved', 'production', { version: 3 });
    expect(await here.runs.create({ agent: 'moved' }, { wait: '30s' })).toMatchObject({ version: 3, result: 3 });
    await elsewhere.deployments.rollBack('moved', 'production');
    expect(await versionsOf({ agent: 'moved' })).toEqual([1]);
    await elsewhere.deployments.delete('moved', 'production');
    expect(await versionsOf({ agent: 'moved' })).toEqual([3]);
  });

  it('is given up where a canary begins, and remembered again after it', async () => {
    await upload('shared', 1);
    await upload('shared', 2);
    await elsewhere.deployments.put('shared', 'production', { version: 1 });
    await remember({ agent: 'shared', fairnessKey: 'chosen' }, 1);
    await elsewhere.deployments.put('shared', 'production', { version: 1, canary: { version: 2, fairnessKeys: ['chosen'] } });
    expect(await versionsOf({ agent: 'shared', fairnessKey: 'chosen' })).toEqual([2]);
    expect(await versionsOf({ agent: 'shared', fairnessKey: 'other' })).toEqual([1]);
    await elsewhere.deployments.rollBack('shared', 'production');
    await remember({ agent: 'shared', fairnessKey: 'chosen' }, 1);
  });

  it('is refused where its deployment is gone, and leaves no run behind', async () => {
    await upload('named', 1);
    await elsewhere.deployments.put('named', 'staging', { version: 1 });
    await remember({ agent: 'named', deployment: 'staging' }, 1);
    await elsewhere.deployments.delete('named', 'staging');
    await expect(versionOf({ agent: 'named', deployment: 'staging' })).rejects.toMatchObject({ code: 'NOT_FOUND' });
    expect((await here.runs.list({ agent: 'named' })).items).toHaveLength(2);
  });

  it('does not change what a repeated request is given', async () => {
    await upload('again', 1);
    const post = () => here.runs.create({ agent: 'again' }, { idempotencyKey: 'once' });
    const first = await post();
    await upload('again', 2);
    expect(await post()).toMatchObject({ id: first.id, version: 1 });
  });

  it('is given up with its organization, also where that comes again under the same name', async () => {
    const { admin } = system;
    for (const bundle of ['export default async () => "before";\n', 'export default async () => "after";\n']) {
      const passing = await system.organization('passing');
      await passing.agents.deploy('echo', { bundle });
      const posting = system.clientOf(hereApi, 'passing');
      for (const request of [{ agent: 'echo' }, { agent: 'echo', version: 1 }]) {
        for (let n = 0; n < 2; n += 1) expect(await posting.runs.create(request, { wait: '30s' })).toMatchObject({ result: bundle.includes('before') ? 'before' : 'after' });
      }
      await admin.organizations.delete('passing');
    }
  });
});
