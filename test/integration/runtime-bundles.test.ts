import { afterEach, describe, expect, it, jest } from '@jest/globals';
import { BullpenError } from '@bullpen/core';
import { mkdir, readdir, readFile, rm, stat, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

import { agent, endingOf, sha256Of, startRig, valueOf, type Rig } from './runtime-rig.ts';

jest.setTimeout(120_000); // a machine short of CPU starts a thread in seconds

const ONE = agent('return 1');

describe('the bundles of a worker', () => {
  let rig: Rig;
  afterEach(async () => { await rig.stop(); });

  it('are files named by their hash that nobody else reads', async () => {
    rig = await startRig();
    await rig.run(ONE);
    const path = join(rig.cacheDir, `${sha256Of(ONE)}.mjs`);
    expect(await readFile(path, 'utf8')).toBe(ONE);
    expect((await stat(path)).mode & 0o777).toBe(0o600);
    expect(await readdir(rig.cacheDir)).toHaveLength(1);
  });

  it('are loaded once for runs that come together, and not again', async () => {
    const loads: string[] = [];
    rig = await startRig({ bundles: { load: async (orgId) => { loads.push(orgId); return ONE; } } });
    await Promise.all([rig.run(ONE), rig.run(ONE), rig.run(ONE)]);
    await rig.run(ONE);
    expect(loads).toEqual(['acme']);
  });

  it('are given to an organization only when the source gave them to it', async () => {
    rig = await startRig();
    await rig.run(ONE, { orgId: 'owner' });
    rig.bundles.set(`thief/${sha256Of(ONE)}`, '');
    const stolen = await rig.run('other text', { orgId: 'thief', sha256: sha256Of(ONE) });
    expect(endingOf(stolen)).toBe('failed/BUNDLE_HASH_MISMATCH');
    expect(stolen.outcome).toMatchObject({ retryable: false });
    expect(endingOf(await rig.run('other text', { orgId: 'stranger', sha256: sha256Of(ONE) }))).toBe('failed/BUNDLE_LOAD_FAILED');
    expect(valueOf(await rig.run(ONE, { orgId: 'owner' }))).toBe(1);
  });

  it.each<[what: string, act: (path: string) => Promise<void>]>([
    ['is gone', (path) => rm(path)],
    ['was written over', (path) => writeFile(path, agent('return "another"'))],
    ['is a link by now', async (path) => {
      await rm(path);
      await symlink('/etc/hostname', path);
    }],
  ])('are brought anew where the file of one %s', async (_, act) => {
    rig = await startRig({ maxRunsPerContainer: 1 });
    expect(valueOf(await rig.run(ONE))).toBe(1);
    const path = join(rig.cacheDir, `${sha256Of(ONE)}.mjs`);
    await act(path);
    expect(valueOf(await rig.run(ONE))).toBe(1);
    expect(await readFile(path, 'utf8')).toBe(ONE);
  });

  it('do without what is no file under the name of one when a worker starts', async () => {
    rig = await startRig();
    const path = join(rig.cacheDir, `${sha256Of(ONE)}.mjs`);
    const again = { bundleCacheDir: rig.cacheDir };
    await symlink('/nowhere', path);
    await mkdir(path.replace(sha256Of(ONE), sha256Of('a directory')));
    const other = await startRig(again);
    expect(await readdir(rig.cacheDir)).toEqual([]);
    expect(valueOf(await other.run(ONE))).toBe(1);
    await other.stop();
  });

  it('that cannot be had for the moment may be tried again', async () => {
    let isDown = true;
    const load = async () => {
      if (isDown) throw new BullpenError('SERVICE_UNAVAILABLE', 'Postgres is away');
      return ONE;
    };
    rig = await startRig({ bundles: { load } });
    expect((await rig.run(ONE)).outcome).toMatchObject({ kind: 'failed', state: 'crashed', retryable: true, error: { code: 'SERVICE_UNAVAILABLE' } });
    isDown = false;
    expect(valueOf(await rig.run(ONE))).toBe(1);
  });

  it('leave the disk in the order of their use when they are too many bytes', async () => {
    const bundles = ['a', 'b', 'c'].map((name) => agent(`return "${name.repeat(1000)}".length`)) as [string, string, string];
    rig = await startRig({ bundleCacheBytes: 2500 });
    await rig.run(bundles[0]);
    await rig.run(bundles[1]);
    await rig.run(bundles[0]);
    await rig.run(bundles[2]);
    expect((await readdir(rig.cacheDir)).sort()).toEqual([bundles[0], bundles[2]].map((text) => `${sha256Of(text)}.mjs`).sort());
    expect(valueOf(await rig.run(bundles[1]))).toBe(1000);
  });

  it('are written anew where an earlier process left something else under their name', async () => {
    rig = await startRig();
    const path = join(rig.cacheDir, `${sha256Of(ONE)}.mjs`);
    const leftover = join(rig.cacheDir, `${sha256Of(ONE)}.mjs.01234567-89ab-cdef-0123-456789abcdef.tmp`);
    await writeFile(path, agent('return "tampered"'));
    await writeFile(leftover, 'half a');
    const later = await startRig({ bundleCacheDir: rig.cacheDir });
    expect(valueOf(await later.run(ONE))).toBe(1);
    expect(await readdir(rig.cacheDir)).toEqual([`${sha256Of(ONE)}.mjs`]);
    await later.stop();
  });
});
