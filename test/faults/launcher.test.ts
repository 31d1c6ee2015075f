import { readdirSync } from 'node:fs';

import { beforeAll, describe, expect, it, jest } from '@jest/globals';

import { agent, endingOf, startRig, valueOf } from '../integration/runtime-rig.ts';
import { requireProgram } from '../services/programs.ts';
import { startChild } from '../system/child-process.ts';
import { launchers, walls } from '../system/launchers.ts';
import { eventually } from '../system/running-system.ts';

jest.setTimeout(120_000);

const WAITS = agent('await new Promise((done) => ctx.signal.addEventListener("abort", done))');

describe('the launcher of cells', () => {
  beforeAll(() => { requireProgram('bubblewrap'); });

  it.each(['enhanced', 'strict'] as const)('takes its cells with it; runs of %s are given back, and the next one finds another launcher', async (tier) => {
    const rig = await startRig({ tiers: [tier] });
    const { promise: inside, resolve } = Promise.withResolvers<void>();
    const running = rig.run(WAITS, { tier, timeoutMs: 60_000, onStarted: () => resolve() });
    await inside;
    const [first] = launchers();
    process.kill(first ?? 0, 'SIGKILL');
    expect((await running).outcome).toMatchObject({ kind: 'interrupted', reason: 'cell_lost' });
    expect(valueOf(await rig.run(agent('return "on"'), { tier }))).toBe('on');
    expect(launchers()).toHaveLength(1);
    expect(launchers()).not.toContain(first);
    await rig.stop();
    expect(launchers()).toEqual([]);
    await eventually('no wall is left', async () => (walls().length === 0 ? true : undefined));
  });

  it('is not what a run of an agent can end', async () => {
    const rig = await startRig({ tiers: ['enhanced'] });
    const answer = await rig.run(agent('for (let pid = 1; pid < 40000; pid += 1) { if (pid !== process.pid) try { process.kill(pid, "SIGKILL") } catch {} } return "done"'));
    const [launcher] = launchers();
    expect(launcher).toBeDefined();
    expect(endingOf(answer)).toMatch(/^(succeeded|crashed|interrupted)/);
    expect(valueOf(await rig.run(agent('return "on"')))).toBe('on');
    expect(launchers()).toEqual([launcher]);
    await rig.stop();
  });

  it('ends with a worker that is killed, and all cells with it', async () => {
    const worker = await startChild('blank-cells', {});
    const [launcher] = launchers(worker.process.pid ?? 0);
    expect(launcher).toBeDefined();
    expect(walls(worker.process.pid ?? 0).length).toBeGreaterThan(0);
    worker.process.kill('SIGKILL');
    await worker.exited;
    await eventually('nothing is left of it', async () => {
      const isThere = readdirSync('/proc').includes(String(launcher));
      return !isThere && walls(worker.process.pid ?? 0).length === 0 ? true : undefined;
    });
  });
});
