import { execFile } from 'node:child_process';
import { mkdir, mkdtemp, readFile, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { checkPackage, createPackageFromTarballData } from '@arethetypeswrong/core';
import { buildSdkPackage } from '@bullpen/infra';
import { publint } from 'publint';

import { installPacked } from '../system/packed-project.ts';
import { ADMIN_KEY, deploy, startSystem, type RunningSystem } from '../system/running-system.ts';

/** The SDK as it is published: built, packed, judged, installed in an empty project, and used there. */
const execute = promisify(execFile);
const tsc = fileURLToPath(new URL('../node_modules/typescript/bin/tsc', import.meta.url));

const TYPED = `import { createClient, defineAgent, type AgentContext, type RunOf } from '@bullpen/sdk';
import { RuntimeIntegratedExecutionEngine, httpBackend } from '@bullpen/sdk/integration';
import { createTestRuntime } from '@bullpen/sdk/testing';
import { z } from 'zod';

const agent = defineAgent<{ n: number }, number>({ name: 'typed', inputSchema: z.object({ n: z.number() }), run: ({ n }, ctx: AgentContext) => { ctx.log('n', { n }); return n; } });
const run = await createTestRuntime().run(agent, { n: 1 });
export const result: number | null = run.result;
const client = createClient({ baseUrl: 'http://127.0.0.1:1' });
export const created: Promise<RunOf<string>> = client.runs.create<string>({ agent: 'x', tier: 'strict' });
export const engine = new RuntimeIntegratedExecutionEngine({ runtime: httpBackend({ baseUrl: 'http://127.0.0.1:1', apiKey: 'k' }) });
// @ts-expect-error there is no such tier
void client.runs.create({ agent: 'x', tier: 'softest' });
`;

const TESTED = `import { defineAgent } from '@bullpen/sdk';
import { createTestRuntime } from '@bullpen/sdk/testing';
import { RuntimeIntegratedExecutionEngine } from '@bullpen/sdk/integration';
const agent = defineAgent({ name: 'doubler', run: ({ n }, ctx) => { ctx.log('doubling'); return n * 2; } });
const { state, result, logs } = await createTestRuntime().run(agent, { n: 21 });
console.log(state, result, logs[0].message, typeof RuntimeIntegratedExecutionEngine);
`;

describe('the published package of the SDK', () => {
  let system: RunningSystem;
  let dir: string;
  let packageDir: string;
  let tarball: string;
  let projectDir: string;
  beforeAll(async () => {
    dir = await mkdtemp(join(tmpdir(), 'bullpen-sdk-'));
    packageDir = join(dir, 'package');
    await buildSdkPackage(packageDir);
    ({ tarball, projectDir } = await installPacked(packageDir, dir));
    system = await startSystem({ queue: 'redis', workers: 1 });
    await deploy(await system.organization('acme'), 'hello', "({ text }, ctx) => { ctx.log('counting'); return { words: text.split(' ').length } }");
  });
  afterAll(async () => {
    await system.stop();
    await rm(dir, { recursive: true, force: true });
  });

  const runs = async (name: string, code: string, env: Record<string, string> = {}): Promise<string> => {
    await writeFile(join(projectDir, name), code);
    const { stdout } = await execute(process.execPath, [name], { cwd: projectDir, env: { PATH: process.env.PATH, ...env } });
    return stdout.trim();
  };

  it('has nothing that publint would change', async () => {
    const { messages } = await publint({ pkgDir: packageDir, strict: true, pack: false });
    expect(messages.filter(({ code }) => code !== 'USE_LICENSE')).toEqual([]);
  });

  it('has types that fit its modules wherever ES modules are imported', async () => {
    const analysis = await checkPackage(createPackageFromTarballData(await readFile(tarball)));
    if (analysis.types === false) throw new Error('no types were found');
    // The package is ES modules only: `require` of it works where Node lets it, and old resolution knows no `exports`.
    const ofEsm = analysis.problems.filter((problem) => !('resolutionKind' in problem) || !['node10', 'node16-cjs'].includes(problem.resolutionKind));
    expect(ofEsm.filter(({ kind }) => kind !== 'CJSResolvesToESM')).toEqual([]);
    expect(Object.keys(analysis.entrypoints).sort()).toEqual(['.', './integration', './package.json', './testing']);
  });

  it('installs zod and nothing else', async () => {
    const lock = JSON.parse(await readFile(join(projectDir, 'package-lock.json'), 'utf8')) as { packages: Record<string, unknown> };
    expect(Object.keys(lock.packages).filter((path) => path !== '').sort()).toEqual(['node_modules/@bullpen/sdk', 'node_modules/zod']);
  });

  it('imports nothing in its main module, and in all of them nothing of Node', async () => {
    const importsOf = async (entry: string) => [...(await readFile(join(packageDir, entry), 'utf8')).matchAll(/(?:from|import)\s*\(?["']([^"']+)["']/g)].map(([, name]) => name);
    expect(await importsOf('index.js')).toEqual([]);
    for (const entry of ['integration/index.js', 'testing/index.js']) expect(new Set(await importsOf(entry))).toEqual(new Set(['zod']));
  });

  it('runs the quickstart of its README', async () => {
    const readme = await readFile(join(projectDir, 'node_modules/@bullpen/sdk/README.md'), 'utf8');
    const [, code = ''] = /```js\n(.*?)```/s.exec(readme) ?? [];
    const env = { BULLPEN_API_URL: system.apis[0]?.url() as string, BULLPEN_API_KEY: (await system.admin.keys.create({ orgId: 'acme' })).secret };
    expect(await runs('quickstart.js', code, env)).toBe('counting\n{ words: 2 }');
    expect(ADMIN_KEY).not.toBe(env.BULLPEN_API_KEY);
  });

  // Their binaries are 100 MB each: fetched where they are asked for, as with BULLPEN_TEST_DENO=2.9.6 and BULLPEN_TEST_BUN=1.4.5.
  const others = [
    { name: 'deno', version: process.env.BULLPEN_TEST_DENO, args: ['run', '--allow-net', '--allow-env', '--no-prompt', '--node-modules-dir=manual'] },
    { name: 'bun', version: process.env.BULLPEN_TEST_BUN, args: ['run'] },
  ].filter((one): one is { name: string; version: string; args: string[] } => one.version !== undefined && one.version !== '');
  for (const { name, version, args } of others) it(`works in ${name}: runs, streams, tests`, async () => {
    const env = { PATH: process.env.PATH, HOME: dir, BULLPEN_API_URL: system.apis[0]?.url() as string, BULLPEN_API_KEY: (await system.admin.keys.create({ orgId: 'acme' })).secret };
    const readme = await readFile(join(projectDir, 'node_modules/@bullpen/sdk/README.md'), 'utf8');
    await writeFile(join(projectDir, 'elsewhere.js'), /```js\n(.*?)```/s.exec(readme)?.[1] ?? '');
    await writeFile(join(projectDir, 'elsewhere-tested.js'), TESTED);
    const binary = await fetchRuntime(join(dir, name), name, version);
    const said = async (file: string) => (await execute(binary, [...args, file], { cwd: projectDir, env })).stdout.trim();
    expect(await said('elsewhere.js')).toMatch(/^counting\n\{\s*words: 2,?\s*\}$/);
    expect(await said('elsewhere-tested.js')).toBe('succeeded 42 doubling function');
  }, 600_000);

  it('tests an agent without services', async () => {
    expect(await runs('tested.js', TESTED)).toBe('succeeded 42 doubling function');
  });

  it.each([
    ['as Node resolves', { module: 'nodenext', moduleResolution: 'nodenext', types: ['node'], typeRoots: [fileURLToPath(new URL('../node_modules/@types', import.meta.url))] }],
    ['as bundlers resolve, for browsers', { module: 'esnext', moduleResolution: 'bundler', types: [], lib: ['es2024', 'dom', 'dom.iterable'] }],
  ])('is typed %s, its own declarations included', async (_how, options) => {
    await writeFile(join(projectDir, 'typed.ts'), TYPED);
    const compilerOptions = { strict: true, noEmit: true, skipLibCheck: false, target: 'es2024', lib: ['es2024'], exactOptionalPropertyTypes: true, ...options };
    await writeFile(join(projectDir, 'tsconfig.json'), JSON.stringify({ compilerOptions, files: ['typed.ts'] }));
    const { stdout } = await execute(process.execPath, [tsc, '-p', projectDir]).catch((failed: { stdout: string }) => failed);
    // Declarations of Node's own are not ours to judge.
    expect(stdout.split('\n').filter((line) => line !== '' && !line.includes('@types/node'))).toEqual([]);
  });
});

/** From the npm registry; the binary itself, since the packages' own scripts are not run. */
async function fetchRuntime(folder: string, name: string, version: string): Promise<string> {
  await mkdir(folder);
  await writeFile(join(folder, 'package.json'), JSON.stringify({ private: true }));
  await execute('npm', ['install', `${name}@${version}`, '--ignore-scripts', '--no-audit', '--no-fund', '--prefer-offline'], { cwd: folder });
  const files = await readdir(join(folder, 'node_modules'), { recursive: true, withFileTypes: true });
  const binary = files.find((file) => file.isFile() && file.name === name && /@(deno|oven)/.test(file.parentPath));
  if (binary === undefined) throw new Error(`${name}@${version} brought no binary for this machine`);
  return join(binary.parentPath, binary.name);
}
