import { chmod, copyFile, cp, mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

import { build } from 'esbuild';

import { CHECKOUT_DIR } from '../local/data-dir.ts';
import { buildSdkPackage } from './build-sdk.ts';

/**
 * The command as it is published: a folder for `npm publish FOLDER`, whose `bullpen` runs on Node 20 and later. Our own packages
 * and small ones are bundled into it; esbuild has binaries, and zod is what agents' schemas are of. `@bullpen/sdk` comes along
 * as a bundled dependency: agents that have none installed are built with it.
 */
const DEPENDENCIES = ['esbuild', 'zod'] as const;
const TARGET = 'node20';

const cliDir = join(CHECKOUT_DIR, 'apps/cli');
const sdkDir = join(CHECKOUT_DIR, 'packages/sdk');

interface Manifest {
  version: string;
  license: string;
  dependencies: Record<string, string>;
}

/** @param outDir - is replaced */
export async function buildCliPackage(outDir: string): Promise<void> {
  await rm(outDir, { recursive: true, force: true });
  await mkdir(outDir, { recursive: true });
  await Promise.all([
    bundle(outDir),
    buildSdkPackage(join(outDir, 'node_modules/@bullpen/sdk')),
    ...['templates', 'verify-agents'].map((folder) => cp(join(cliDir, folder), join(outDir, folder), { recursive: true })),
    copyFile(join(cliDir, 'README.md'), join(outDir, 'README.md')),
    copyFile(join(CHECKOUT_DIR, 'LICENSE'), join(outDir, 'LICENSE')),
  ]);
  await writeFile(join(outDir, 'package.json'), `${JSON.stringify(await manifest(), null, 2)}\n`);
}

/** The command, and the thread in which it looks at bundles. */
async function bundle(outDir: string): Promise<void> {
  await build({
    entryPoints: [join(cliDir, 'src/main.ts'), join(cliDir, 'src/manifest-thread.ts')],
    outdir: join(outDir, 'dist'),
    bundle: true, format: 'esm', platform: 'node', target: TARGET, external: [...DEPENDENCIES], legalComments: 'none', logLevel: 'warning',
    banner: { js: '#!/usr/bin/env node' },
  });
  await chmod(join(outDir, 'dist/main.js'), 0o755);
}

async function manifest(): Promise<Record<string, unknown>> {
  const [cli, sdk] = await Promise.all([cliDir, sdkDir].map(async (dir) => JSON.parse(await readFile(join(dir, 'package.json'), 'utf8')) as Manifest)) as [Manifest, Manifest];
  const versions = { ...sdk.dependencies, ...cli.dependencies };
  return {
    name: '@bullpen/cli', version: cli.version, license: cli.license,
    description: 'bullpen: deploys agents to Bullpen, a multi-tenant agent runtime, runs them, and looks after the system that they run on',
    keywords: ['agents', 'runtime', 'queue', 'multi-tenant', 'cli'],
    type: 'module',
    engines: { node: '>=20.16' },
    bin: { bullpen: './dist/main.js' },
    exports: { './package.json': './package.json' },
    files: ['dist', 'templates', 'verify-agents'],
    dependencies: { '@bullpen/sdk': sdk.version, ...Object.fromEntries(DEPENDENCIES.map((name) => [name, versions[name]])) },
    bundleDependencies: ['@bullpen/sdk'],
  };
}
