import { readFileSync, readdirSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { afterAll, beforeAll, describe, expect, it, jest } from '@jest/globals';

import { requireProgram } from '../services/programs.ts';
import { walls } from '../system/launchers.ts';
import { eventually } from '../system/running-system.ts';
import { startRig, valueOf, type Rig } from './runtime-rig.ts';

jest.setTimeout(120_000);

/** Says what it is, and whether it was given compiled code; tries what must be denied. Larger than what comes in a frame. */
const bundleNamed = (name: string): string => `import { existsSync, readFileSync, writeFileSync, rmSync } from 'node:fs';
${Array.from({ length: 2000 }, (_, i) => `export function unused${i}(a) { return a + ${i}; }`).join('\n')}
const denied = (act) => { try { act(); return false; } catch { return true; } };
const CACHE = '/bundle/bundle.cache';
globalThis.executed = (globalThis.executed ?? 0) + 1;
export default () => ({
  name: ${JSON.stringify(name)},
  executed: globalThis.executed,
  code: existsSync(CACHE) ? readFileSync(CACHE).toString('base64').slice(0, 64) : null,
  cannotWrite: denied(() => writeFileSync(CACHE, 'forged')) && denied(() => rmSync(CACHE)) && denied(() => writeFileSync('/bundle/other.cache', 'forged')),
});`;

interface Said {
  readonly name: string;
  readonly executed: number;
  readonly code: string | null;
  readonly cannotWrite: boolean;
}

/** What V8 made of bundles, on this worker's shelf: all that is no bundle. */
function codeFiles(): string[] {
  const [dir = ''] = readdirSync(tmpdir()).filter((name) => name.startsWith('bullpen-cells-') && name.includes(`-${process.pid}-`)).map((name) => join(tmpdir(), name, 'shelf'))
    .filter((shelf) => readdirSync(shelf).length > 0);
  return dir === '' ? [] : readdirSync(dir).map((name) => join(dir, name)).filter((path) => !readFileSync(path, 'latin1').startsWith('import '));
}

describe('compiled code of a large bundle in tier strict', () => {
  let rig: Rig;
  const run = async (name: string, orgId = 'acme') => valueOf(await rig.run(bundleNamed(name), { tier: 'strict', orgId })) as Said;
  /** Runs it until its cells are given compiled code. */
  const untilGiven = (name: string) => eventually(`compiled code of ${name}`, async () => {
    const said = await run(name);
    return said.code === null ? undefined : said;
  });
  beforeAll(async () => {
    requireProgram('bubblewrap');
    rig = await startRig({ tiers: ['strict'] });
  });
  afterAll(async () => {
    await rig.stop();
    expect(walls()).toEqual([]);
  });

  it('is given to its later runs, which cannot write it, and was made without executing the bundle', async () => {
    expect(await run('first')).toEqual({ name: 'first', executed: 1, code: null, cannotWrite: true });
    expect(await untilGiven('first')).toEqual({ name: 'first', executed: 1, code: expect.any(String), cannotWrite: true });
    expect(codeFiles()).toHaveLength(1);
  });

  it('is refused where it is broken, or another bundle\'s, and made anew', async () => {
    await untilGiven('first');
    const [path = ''] = codeFiles();
    const right = readFileSync(path);
    const forgeries = [Buffer.from('not what V8 made of anything'), right.subarray(0, right.length / 2), Buffer.concat([Buffer.alloc(16, 7), right.subarray(16)])];
    for (const forged of forgeries.slice(0, 2)) {
      const [now = ''] = codeFiles();
      writeFileSync(now, forged); // in place: the cells that get it have a link to it
      expect(await run('first')).toMatchObject({ name: 'first', executed: 1 });
      await eventually('the code that was made anew', async () => {
        await run('first');
        const [made] = codeFiles();
        return made !== undefined && made !== now && statSync(made).size === right.length ? true : undefined;
      });
    }
    const [last = ''] = codeFiles();
    writeFileSync(last, forgeries[2] ?? '');
    expect(await run('first')).toMatchObject({ name: 'first', executed: 1 }); // made three times: from here on it is compiled each time
    expect(await run('first')).toMatchObject({ name: 'first', code: null });
  });

  it('is no other bundle\'s', async () => {
    expect(await run('second', 'globex')).toEqual({ name: 'second', executed: 1, code: null, cannotWrite: true });
  });
});
