import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { buildCliPackage } from '@bullpen/infra';
import { publint } from 'publint';

import { installPacked } from '../system/packed-project.ts';
import { startSystem, type RunningSystem } from '../system/running-system.ts';

/** The command as it is published: built, packed, judged, installed in an empty project, and used there as its users do. */
const execute = promisify(execFile);
const tsc = fileURLToPath(new URL('../node_modules/typescript/bin/tsc', import.meta.url));
const checkout = fileURLToPath(new URL('../..', import.meta.url));

/** As a terminal of somebody who has no checkout: with the Node that he has, without what ours adds to the path. */
const plainPath = (process.env.PATH ?? '').split(':').filter((folder) => !folder.startsWith(checkout)).join(':');

describe('the published package of the command', () => {
  let system: RunningSystem;
  let dir: string;
  let packageDir: string;
  let projectDir: string;
  beforeAll(async () => {
    dir = await mkdtemp(join(tmpdir(), 'bullpen-cli-'));
    packageDir = join(dir, 'package');
    await buildCliPackage(packageDir);
    ({ projectDir } = await installPacked(packageDir, dir, ['--ignore-scripts']));
    system = await startSystem({ queue: 'redis', workers: 1 });
    await system.admin.organizations.create({ id: 'acme' });
  });
  afterAll(async () => {
    await system.stop();
    await rm(dir, { recursive: true, force: true });
  });

  const bullpen = async (args: string[], { env = {}, cwd = projectDir }: { env?: Record<string, string>; cwd?: string } = {}): Promise<string> => {
    const { stdout } = await execute('npx', ['--no-install', 'bullpen', ...args], { cwd, env: { PATH: plainPath, HOME: dir, npm_config_update_notifier: 'false', ...env } });
    return stdout.trim();
  };
  const asOwner = async () => ({ BULLPEN_API_URL: system.apis[0]!.url(), BULLPEN_API_KEY: (await system.admin.keys.create({ orgId: 'acme' })).secret });

  it('has nothing that publint would change', async () => {
    const { messages } = await publint({ pkgDir: packageDir, strict: true, pack: false });
    expect(messages.filter(({ code }) => code !== 'USE_LICENSE')).toEqual([]);
  });

  it('brings the SDK along and installs esbuild and zod, nothing else', async () => {
    const lock = JSON.parse(await readFile(join(projectDir, 'package-lock.json'), 'utf8')) as { packages: Record<string, { optional?: true }> };
    const installed = Object.entries(lock.packages).filter(([path, { optional }]) => path !== '' && optional !== true).map(([path]) => path);
    expect(installed.sort()).toEqual(['node_modules/@bullpen/cli', 'node_modules/@bullpen/cli/node_modules/@bullpen/sdk', 'node_modules/esbuild', 'node_modules/zod']);
  });

  it('says what it can do, and what needs a checkout', async () => {
    expect(await bullpen(['--help'])).toContain('Deploys agents to Bullpen');
    expect(await bullpen(['completion', 'bash'])).toContain('complete -o default -F _bullpen bullpen');
    await expect(bullpen(['up'])).rejects.toMatchObject({ stderr: expect.stringContaining('inside a checkout of Bullpen only') });
  });

  it('writes an agent that an editor understands, deploys it and runs it', async () => {
    await bullpen(['init', 'hello']);
    await execute(process.execPath, [tsc, '-p', join(projectDir, 'hello')]);
    const env = await asOwner();
    const deployed = JSON.parse(await bullpen(['deploy', 'hello', '--json'], { env })) as { agent: string; version: number };
    expect(deployed).toMatchObject({ agent: 'hello', version: 1 });
    const run = JSON.parse(await bullpen(['run', 'hello', '--input-file', 'hello/input.json', '--json'], { env })) as { state: string };
    expect(run).toMatchObject({ state: 'succeeded' });
  });

  it('reads bullpen.config.ts, also where Node does not run TypeScript', async () => {
    await bullpen(['init', 'two', '--template', 'project']);
    const { deployed } = JSON.parse(await bullpen(['deploy', '--json'], { env: await asOwner(), cwd: join(projectDir, 'two') })) as { deployed: { agent: string }[] };
    expect(deployed.map(({ agent }) => agent).sort()).toEqual(['two-counter', 'two-greeter']);
  });

  it('has with it what `bullpen verify` deploys', () => {
    for (const agent of ['walls', 'hog', 'spinner', 'echo']) expect(existsSync(join(projectDir, 'node_modules/@bullpen/cli/verify-agents', `${agent}.mjs`))).toBe(true);
  });
});
