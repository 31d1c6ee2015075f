import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

import { afterAll, beforeAll, describe, expect, it, jest } from '@jest/globals';

import { cellPids } from '../bench/container/memory.ts';
import { requireProgram } from '../services/programs.ts';
import { eventually } from '../system/running-system.ts';
import { agent, startRig, type Rig } from './runtime-rig.ts';

jest.setTimeout(120_000);

const BUSY = agent('for (;;);');
const BUSY_MS = 2000;

/** The cpu cgroups of cells that are in one of ours, by cell; version 1. */
function groupsOfCells(): string[] {
  return cellPids().flatMap((pid) => {
    try {
      return /^\d+:(?:[^:\n]*,)?cpu(?:,[^:\n]*)?:.*\/(bullpen-\d+-\d+)$/m.exec(readFileSync(`/proc/${pid}/cgroup`, 'latin1'))?.[1] ?? [];
    } catch {
      return []; // it has ended
    }
  });
}

/** Of this session among those of the machine: its `nice`. */
function ownPlace(): number {
  return existsSync('/proc/self/autogroup') ? Number(/nice (-?\d+)/.exec(readFileSync('/proc/self/autogroup', 'latin1'))?.[1]) : 0;
}

describe('the cores, divided by organization', () => {
  let rig: Rig;
  const cpuMsOf = async (orgId: string) => (await rig.run(BUSY, { tier: 'strict', orgId, timeoutMs: BUSY_MS })).outcome.usage.cpuMs;
  const cpuProbe = () => rig.manager.isolation()?.probes.find(({ name }) => name === 'cpu cgroup');
  beforeAll(async () => {
    requireProgram('bubblewrap');
    rig = await startRig({ tiers: ['strict', 'enhanced'], cpuWeightOf: (orgId) => (orgId === 'heavy' ? 3 : 1) });
  });
  afterAll(() => rig.stop());

  it('is found out by trying, and said', () => {
    const probe = cpuProbe();
    expect(probe).toMatchObject({ works: expect.any(Boolean), detail: expect.stringMatching(/version [12]: by (organization|cell)|none that is writable/) });
    expect(existsSync('/sys/fs/cgroup/cpu/cpu.shares') && process.getuid?.() === 0 ? probe?.detail : 'version 1').toContain('version 1');
  });

  it('keeps many cells of one organization from taking the share of another one', async () => {
    const crowd = Array.from({ length: 6 }, () => cpuMsOf('crowd'));
    const single = cpuMsOf('single');
    const groups = await eventually('cells in the groups of their organizations', async () => {
      const found = groupsOfCells();
      return found.length === 7 || cpuProbe()?.detail.includes('version 1') !== true ? found : undefined;
    });
    const [singleMs, ...crowdMs] = await Promise.all([single, ...crowd]);
    if (groups.length !== 7) return expect(cpuProbe()?.detail).toMatch(/none that is writable|by cell/);
    expect(new Set(groups).size).toBe(2);
    const meanMs = crowdMs.reduce((sum, ms) => sum + ms, 0) / crowdMs.length;
    expect(singleMs / meanMs).toBeGreaterThan(1.5); // each of seven would have the same, by cell
  });

  it('gives an organization its weight, and takes the group away with its last cell', async () => {
    const running = cpuMsOf('heavy');
    const [group = ''] = await eventually('a cell in its group', async () => {
      const found = groupsOfCells();
      return found.length > 0 || cpuProbe()?.detail.includes('version 1') !== true ? found : undefined;
    });
    const dir = join(cpuProbe()?.detail.split(',')[0] ?? '', group);
    if (group !== '') expect(Number(readFileSync(join(dir, 'cpu.shares'), 'latin1'))).toBe(Math.round(3 * 1024 * 1.25 ** -ownPlace()));
    await running;
    if (group !== '') await eventually('no group', async () => (existsSync(dir) ? undefined : true));
  });
});
