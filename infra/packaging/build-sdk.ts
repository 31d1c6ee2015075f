import { execFile } from 'node:child_process';
import { copyFile, cp, mkdtemp, readFile, readdir, rm, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { join, relative, sep } from 'node:path';
import { promisify } from 'node:util';

import { build } from 'esbuild';

import { CHECKOUT_DIR } from '../local/data-dir.ts';

/**
 * The SDK as it is published: a folder with ES modules, their types and a package.json, for `npm publish FOLDER`.
 * What it takes from `core` is bundled into each entry, zod alone stays a dependency; the entries share no code, so that the
 * client (the main one) imports nothing at all. Types keep the layout of the sources, those of `core` beside them.
 */
const ENTRIES = ['index', 'integration/index', 'testing/index'] as const;
/** Of JavaScript: Node 20, Deno, Bun and browsers of the last years have it. */
const TARGET = 'es2022';

const execute = promisify(execFile);
const packagesDir = join(CHECKOUT_DIR, 'packages');

/** @param outDir - is replaced */
export async function buildSdkPackage(outDir: string): Promise<void> {
  await rm(outDir, { recursive: true, force: true });
  await Promise.all(ENTRIES.map((entry) => bundle(entry, outDir)));
  await writeTypes(join(outDir, 'types'));
  await copyFile(join(packagesDir, 'sdk/README.md'), join(outDir, 'README.md'));
  await copyFile(join(CHECKOUT_DIR, 'LICENSE'), join(outDir, 'LICENSE'));
  await writeFile(join(outDir, 'package.json'), `${JSON.stringify(await manifest(), null, 2)}\n`);
}

async function bundle(entry: string, outDir: string): Promise<void> {
  await build({
    entryPoints: [join(packagesDir, 'sdk/src', `${entry}.ts`)],
    outfile: join(outDir, `${entry}.js`),
    bundle: true, format: 'esm', platform: 'neutral', target: TARGET, external: ['zod'], mainFields: ['module', 'main'], conditions: ['import'], logLevel: 'warning',
  });
}

/** TypeScript writes them beside each other, as the packages lie; then the imports are made to fit. */
async function writeTypes(outDir: string): Promise<void> {
  // One after the other: what a package imports from another one counts as foreign, and is not written.
  await writeTypesOf('core', ['index'], outDir);
  await writeTypesOf('sdk', ENTRIES, outDir);
  const files = (await readdir(outDir, { recursive: true })).filter((file) => file.endsWith('.d.ts'));
  await Promise.all(files.map((file) => fitImports(outDir, file)));
}

async function writeTypesOf(name: string, entries: readonly string[], outDir: string): Promise<void> {
  const workDir = await mkdtemp(join(packagesDir, name, '.types-'));
  try {
    const files = entries.map((entry) => join(packagesDir, name, 'src', `${entry}.ts`));
    const compilerOptions = { noEmit: false, declaration: true, emitDeclarationOnly: true, rootDir: join(packagesDir, name, 'src'), outDir: join(workDir, 'out') };
    await writeFile(join(workDir, 'tsconfig.json'), JSON.stringify({ extends: join(CHECKOUT_DIR, 'tsconfig.base.json'), compilerOptions, files }));
    const tsc = createRequire(join(CHECKOUT_DIR, 'package.json')).resolve('typescript/package.json').replace(/package\.json$/, 'bin/tsc');
    await execute(process.execPath, [tsc, '-p', workDir]);
    await cp(join(workDir, 'out'), join(outDir, name), { recursive: true });
  } finally {
    await rm(workDir, { recursive: true, force: true });
  }
}

/** `./x.ts` -> `./x.js`, and `@bullpen/core` -> where its types lie here. */
async function fitImports(outDir: string, file: string): Promise<void> {
  const text = await readFile(join(outDir, file), 'utf8');
  const toCore = relative(join(outDir, file, '..'), join(outDir, 'core/index.js')).split(sep).join('/');
  const fitted = text
    .replace(/(from |import\()(["'])(\.[^"']*)\.ts\2/g, '$1$2$3.js$2')
    .replace(/(from |import\()(["'])@bullpen\/core\2/g, `$1$2${toCore.startsWith('.') ? toCore : `./${toCore}`}$2`);
  await writeFile(join(outDir, file), fitted);
}

async function manifest(): Promise<Record<string, unknown>> {
  const { name, version, license, dependencies } = JSON.parse(await readFile(join(packagesDir, 'sdk/package.json'), 'utf8')) as Record<string, unknown> & { dependencies: Record<string, string> };
  const entry = (path: string) => ({ types: `./types/sdk/${path}.d.ts`, default: `./${path}.js` });
  return {
    name, version, license,
    description: 'Agents for Bullpen, a multi-tenant agent runtime: defineAgent, a typed client, a test runtime, an integration layer',
    keywords: ['agents', 'runtime', 'queue', 'multi-tenant'],
    type: 'module',
    sideEffects: false,
    engines: { node: '>=20' },
    exports: { '.': entry('index'), './integration': entry('integration/index'), './testing': entry('testing/index'), './package.json': './package.json' },
    files: ['*.js', 'integration', 'testing', 'types'],
    // As a range: an application has one zod, and its schemas are given to ours.
    dependencies: { zod: `^${dependencies['zod'] as string}` },
  };
}
