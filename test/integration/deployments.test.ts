import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { resolveRunVersions } from '@bullpen/db';
import type { BullpenClient } from '@bullpen/sdk';

import { eventually, startSystem, type RunningSystem } from '../system/running-system.ts';

describe('deployments', () => {
  let system: RunningSystem;
  let acme: BullpenClient;

  /** Uploads a version that answers with its number; with `body`, what it does before. */
  const upload = async (agent: string, number: number, body = '') => {
    await acme.agents.deploy(agent, { bundle: `export default async (input) => { ${body} return ${number}; };\n` });
  };
  const versionsOf = async (agent: string, count: number, request: { fairnessKey?: string; deployment?: string } = {}) => {
    const runs = await Promise.all(Array.from({ length: count }, () => acme.runs.create({ agent, ...request })));
    return runs.map(({ version }) => version);
  };

  beforeAll(async () => {
    system = await startSystem({ queue: 'redis', workers: 1, env: { BULLPEN_CANARY_MS: '100' } });
    acme = await system.organization('acme');
  });
  afterAll(async () => { await system.stop(); });

  it('say which version runs take; without one it is the newest', async () => {
    await upload('pinned', 1);
    await upload('pinned', 2);
    expect(await versionsOf('pinned', 1)).toEqual([2]);
    expect(await acme.deployments.put('pinned', 'production', { version: 1 })).toMatchObject({ version: 1, canary: null, history: [] });
    expect(await versionsOf('pinned', 1)).toEqual([1]);
    await upload('pinned', 3);
    expect(await versionsOf('pinned', 1)).toEqual([1]);
    expect(await acme.runs.create({ agent: 'pinned', version: 3 }, { wait: '30s' })).toMatchObject({ version: 3, result: 3 });
    await expect(acme.runs.create({ agent: 'pinned', deployment: 'nowhere' })).rejects.toMatchObject({ code: 'NOT_FOUND' });
    await expect(acme.runs.create({ agent: 'pinned', deployment: 'production', version: 1 })).rejects.toMatchObject({ code: 'INVALID_REQUEST' });
    await expect(acme.deployments.put('pinned', 'production', { version: 9 })).rejects.toMatchObject({ code: 'NOT_FOUND' });
    await expect(acme.deployments.put('nobody', 'production', { version: 1 })).rejects.toMatchObject({ code: 'AGENT_NOT_FOUND' });
  });

  it('go back in one call, and twice two versions back', async () => {
    for (const number of [1, 2, 3]) {
      await upload('moved', number);
      await acme.deployments.put('moved', 'production', { version: number });
    }
    expect(await acme.deployments.rollBack('moved', 'production')).toMatchObject({ version: 2, lastRollback: { from: 3, to: 2, automatic: false } });
    expect(await versionsOf('moved', 1)).toEqual([2]);
    expect(await acme.deployments.rollBack('moved', 'production')).toMatchObject({ version: 1, history: [] });
    await expect(acme.deployments.rollBack('moved', 'production')).rejects.toMatchObject({ code: 'NOTHING_TO_ROLL_BACK' });
    expect(await acme.deployments.rollBack('moved', 'production', { version: 3 })).toMatchObject({ version: 3, history: [{ version: 1 }] });
    await expect(acme.deployments.rollBack('moved', 'production', { version: 3 })).rejects.toMatchObject({ code: 'NOTHING_TO_ROLL_BACK' });
    expect(await acme.deployments.get('moved', 'production')).toMatchObject({ version: 3, lastRollback: { from: 1, to: 3 } });
  });

  it('take no canary of the stable version itself', async () => {
    await upload('lone', 1);
    await expect(acme.deployments.put('lone', 'production', { version: 1, canary: { version: 1, percent: 10 } })).rejects.toMatchObject({ code: 'INVALID_REQUEST', facts: { issues: [{ path: 'canary.version' }] } });
  });

  it('share runs out between a stable version and a canary by percent, and keep a fairness key on its side', async () => {
    await upload('shared', 1);
    await upload('shared', 2);
    await acme.deployments.put('shared', 'production', { version: 1, canary: { version: 2, percent: 30, fairnessKeys: ['chosen'] } });
    const drawn = (await versionsOf('shared', 200)).filter((version) => version === 2).length;
    // 60 expected, standard deviation 6.5: six of them on either side.
    expect(drawn).toBeGreaterThan(20);
    expect(drawn).toBeLessThan(100);
    expect(new Set(await versionsOf('shared', 10, { fairnessKey: 'chosen' }))).toEqual(new Set([2]));
    for (const fairnessKey of ['ada', 'ben', 'cid']) expect(new Set(await versionsOf('shared', 10, { fairnessKey })).size).toBe(1);
    expect(await acme.deployments.rollBack('shared', 'production')).toMatchObject({ version: 1, canary: null, lastRollback: { from: 2, to: 1 } });
  });

  it('let each run of a crowd draw for itself, and give each what it asked for', async () => {
    await upload('crowded', 1);
    await upload('crowded', 2);
    await acme.deployments.put('crowded', 'production', { version: 1, canary: { version: 2, percent: 30 } });
    const draws = [0.1, 0.9, 0.29, 0.31];
    const crowded = { orgId: 'acme', agent: 'crowded' };
    const others = [{ ...crowded, version: 2 }, { ...crowded, deployment: 'nowhere', version: undefined, fairnessKey: 'k' }, { ...crowded, agent: 'nobody', version: 1 }, { ...crowded, version: 1 }];
    const answers = await resolveRunVersions(system.apis[0]!.db, [...draws.map(() => crowded), ...others], () => draws.shift()!);
    expect(answers.map((answer) => (answer.ok ? answer.version.version : answer.error.code))).toEqual([2, 1, 2, 1, 2, 'NOT_FOUND', 'AGENT_NOT_FOUND', 1]);
  });

  it('roll a canary back by themselves when it fails more often, and say why', async () => {
    await upload('risky', 1);
    await upload('risky', 2, 'throw new Error("worse");');
    const policy = { minSamples: 10 };
    await acme.deployments.put('risky', 'production', { version: 1, canary: { version: 2, fairnessKeys: ['canary'], policy } });
    const run = (fairnessKey: string) => acme.runs.create({ agent: 'risky', fairnessKey }, { wait: '30s' });
    await Promise.all([...Array.from({ length: 20 }, () => run('stable')), ...Array.from({ length: 12 }, () => run('canary'))]);
    const ended = await eventually('the canary is rolled back', async () => {
      const deployment = await acme.deployments.get('risky', 'production');
      return deployment.canary === null ? deployment : undefined;
    });
    expect(ended.lastRollback).toMatchObject({ automatic: true, from: 2, to: 1, health: { verdict: 'worse', canary: { errorRatio: 1 }, stable: { errorRatio: 0 } } });
    expect(await run('canary')).toMatchObject({ version: 1, state: 'succeeded' });
    const { items } = await system.clientOf(system.apis[0]!, 'acme').audit.list({ action: 'rollBackCanary' });
    expect(items).toMatchObject([{ target: 'agent/risky/deployments/production', keyId: 'bullpen' }]);
  });

  it('roll a canary back by themselves when it is slower, though nothing of it fails', async () => {
    await upload('slowing', 1);
    await upload('slowing', 2, 'await new Promise((resolve) => setTimeout(resolve, 400));');
    await acme.deployments.put('slowing', 'production', { version: 1, canary: { version: 2, fairnessKeys: ['canary'], policy: { minSamples: 10 } } });
    const run = (fairnessKey: string) => acme.runs.create({ agent: 'slowing', fairnessKey }, { wait: '30s' });
    await Promise.all(Array.from({ length: 12 }, () => [run('stable'), run('canary')]).flat());
    const ended = await eventually('the canary is rolled back', async () => {
      const deployment = await acme.deployments.get('slowing', 'production');
      return deployment.canary === null ? deployment : undefined;
    });
    expect(ended.lastRollback).toMatchObject({ automatic: true, from: 2, to: 1, health: { verdict: 'worse', canary: { errorRatio: 0 }, stable: { errorRatio: 0 } } });
  });

  it('let a canary live that is as good, and show how it compares', async () => {
    await upload('sound', 1);
    await upload('sound', 2);
    await acme.deployments.put('sound', 'production', { version: 1, canary: { version: 2, fairnessKeys: ['canary'], policy: { minSamples: 10, maxLatencyRatio: 50 } } });
    const run = (fairnessKey: string) => acme.runs.create({ agent: 'sound', fairnessKey }, { wait: '30s' });
    await Promise.all(Array.from({ length: 15 }, () => [run('stable'), run('canary')]).flat());
    expect(await acme.deployments.health('sound', 'production')).toMatchObject({ verdict: 'healthy', stable: { runs: 15, failures: 0 }, canary: { runs: 15, failures: 0 } });
    const [{ looks } = { looks: 0 }] = await eventually('it has been looked at', async () => {
      const rows = await system.apis[0]!.db.sql<{ looks: number }[]>`SELECT canary_looks AS looks FROM deployments WHERE agent = 'sound'`;
      return rows[0]?.looks === 1 ? rows : undefined;
    });
    expect(looks).toBe(1);
    expect((await acme.deployments.get('sound', 'production')).canary).not.toBeNull();
  });
});
