import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, readFileSync, readdirSync, readlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { beforeAll, describe, expect, it, jest } from '@jest/globals';

import { agent, startRig, valueOf } from '../integration/runtime-rig.ts';
import { requireProgram } from '../services/programs.ts';
import { launchers } from '../system/launchers.ts';
import { eventually } from '../system/running-system.ts';

jest.setTimeout(120_000);

/** Of /proc/PID/stat, from behind the name. */
const PARENT = 1;
const KILLS = 40;

interface Wall {
  readonly pid: number;
  readonly parent: number;
}

/** Bubblewraps that build, or have built, a wall in a directory of this process' cells. */
function walls(): Wall[] {
  return readdirSync('/proc').filter((name) => /^\d+$/.test(name)).flatMap((name) => {
    try {
      if (!readFileSync(`/proc/${name}/cmdline`, 'latin1').includes(`-${process.pid}-`) || !readFileSync(`/proc/${name}/comm`, 'latin1').startsWith('bwrap')) return [];
      const stat = readFileSync(`/proc/${name}/stat`, 'latin1').split(')').at(-1)?.trim().split(' ') ?? [];
      return [{ pid: Number(name), parent: Number(stat[PARENT]) }];
    } catch {
      return []; // it has ended
    }
  });
}

/** False: it had ended. */
function wasKilled(pid: number): boolean {
  try {
    return process.kill(pid, 'SIGKILL');
  } catch {
    return false;
  }
}

/** What the launcher of this process' cells started, and no bubblewrap's other half. */
const isLaunched = ({ parent }: Wall): boolean => launchers().includes(parent);

/** One half whose other half is gone has been given to somebody else. */
const orphans = (): Wall[] => {
  const all = walls();
  return all.filter((wall) => !isLaunched(wall) && !all.some(({ pid }) => pid === wall.parent));
};

describe('a bubblewrap that is killed while it builds its wall', () => {
  beforeAll(() => { requireProgram('bubblewrap'); });

  it('leaves no half of itself behind, and the tier goes on', async () => {
    const rig = await startRig({ tiers: ['strict'] });
    const seen = new Set(walls().map(({ pid }) => pid));
    for (let killed = 0; killed < KILLS;) {
      const running = rig.run(agent('return 1')); // takes the blank cell: the next one is built
      const built = await eventually('a wall that is being built', async () => walls().find((wall) => isLaunched(wall) && !seen.has(wall.pid)));
      seen.add(built.pid);
      if (wasKilled(built.pid)) killed += 1;
      await running; // it ends in one way or another
    }
    await eventually('no half of a wall', async () => (orphans().length === 0 ? true : undefined));
    expect(valueOf(await rig.run(agent('return "on"')))).toBe('on');
    await rig.stop();
    expect(walls()).toEqual([]);
  });

  it('is ended at the next start of a worker where it died with its own', async () => {
    const namespace = /\d+/.exec(readlinkSync('/proc/self/ns/pid'))?.[0] ?? '';
    const dead = join(tmpdir(), `bullpen-cells-${namespace}-${process.pid}-1-half00`);
    mkdirSync(join(dead, 'bundle-x'), { recursive: true });
    const stray = spawn('bwrap', ['--ro-bind', '/', '/', '--ro-bind', join(dead, 'bundle-x'), '/tmp', 'sleep', '100'], { stdio: 'ignore' });
    const ended = once(stray, 'exit');
    const rig = await startRig({ tiers: ['strict'] });
    expect(await ended).toEqual([null, 'SIGKILL']);
    await rig.stop();
  });
});
