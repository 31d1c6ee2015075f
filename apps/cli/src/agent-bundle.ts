import { createHash } from 'node:crypto';
import { dirname, relative, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

import { BullpenError, SIZE_CAPS, type AgentManifestInput } from '@bullpen/core';
import { build, type BuildOptions, type BuildResult, type Plugin, type ResolveResult } from 'esbuild';

import { readManifest } from './manifest-reader.ts';

/** An agent ready to deploy. */
export interface AgentBundle {
  name: string;
  manifest: AgentManifestInput;
  /** One ES module as text. */
  bundle: string;
  /** Hex, of the bundle's UTF-8 bytes. */
  sha256: string;
  bundleBytes: number;
}

export interface BundleOptions {
  /** Path of the module whose default export is the agent. */
  file: string;
  /** Overrides the name that the agent gives itself; needed where the default export is a plain function. */
  name?: string | undefined;
  /** Adds an inline source map without the sources. */
  sourcemap?: boolean | undefined;
  /** How long the bundle's top-level code may take, ms. */
  loadTimeoutMs?: number | undefined;
}

/**
 * Bundles an agent and all it imports into one module for Node 24, loads it in a thread, and reads what it asks for.
 * @throws BullpenError BUNDLE_INVALID with the first fault and its place; INPUT_TOO_LARGE beyond the bundle cap.
 */
export async function bundleAgent(options: BundleOptions): Promise<AgentBundle> {
  const file = resolve(options.file);
  const label = relative(process.cwd(), file);
  const bundle = await bundleModule(file, options.sourcemap ?? false);
  const bundleBytes = Buffer.byteLength(bundle);
  if (bundleBytes > SIZE_CAPS.bundleBytes) {
    throw new BullpenError('INPUT_TOO_LARGE', `${label} bundles to ${bundleBytes} bytes, at most ${SIZE_CAPS.bundleBytes} are taken: import less, or read data from the input`);
  }
  const declared = await readManifest(bundle, label, options.loadTimeoutMs);
  const name = options.name ?? declared.name;
  if (name === null) throw new BullpenError('BUNDLE_INVALID', `${label} exports an agent without a name: use defineAgent({ name, run }) or give --name`);
  return { name, manifest: declared.manifest, bundle, bundleBytes, sha256: createHash('sha256').update(bundle).digest('hex') };
}

async function bundleModule(file: string, sourcemap: boolean): Promise<string> {
  const options = {
    entryPoints: [file],
    // Paths in the output are relative to the agent, so that the same sources give the same bytes from every folder.
    absWorkingDir: dirname(file),
    bundle: true,
    write: false,
    metafile: true,
    format: 'esm',
    platform: 'node',
    target: 'node24',
    outfile: 'bundle.mjs',
    sourcemap: sourcemap ? 'inline' : false,
    sourcesContent: false,
    legalComments: 'none',
    logLevel: 'silent',
    plugins: [ownSdk(), zodOfSdk()],
  } as const satisfies BuildOptions;
  const built = await run(options);
  // CommonJS dependencies call `require` for what Node has built in, which an ES module does not have.
  const text = needsRequire(built) ? await run({ ...options, banner: { js: 'const require = process.getBuiltinModule;' } }) : built;
  return text.outputFiles[0]!.text;
}

type Built = BuildResult<{ write: false; metafile: true }>;

async function run(options: BuildOptions): Promise<Built> {
  try {
    return (await build({ ...options, write: false, metafile: true })) as Built;
  } catch (error) {
    throw new BullpenError('BUNDLE_INVALID', firstFault(error, options.absWorkingDir ?? ''), {}, { cause: error });
  }
}

function needsRequire(built: Built): boolean {
  return Object.values(built.metafile.outputs).some((output) => output.imports.some((one) => one.kind === 'require-call'));
}

/** The first error of esbuild as one sentence with its place. */
function firstFault(error: unknown, dir: string): string {
  const first = (error as Partial<BuildResult>).errors?.[0];
  if (first === undefined) return `the agent cannot be bundled: ${String(error)}`;
  const place = first.location === null ? '' : ` at ${relative(process.cwd(), resolve(dir, first.location.file))}:${first.location.line}:${first.location.column + 1}`;
  return `the agent cannot be bundled: ${first.text}${place}`;
}

const TRIED = Symbol('tried where the agent is');
const OWN_DIR = dirname(fileURLToPath(import.meta.url));

/** An agent outside a workspace has no `@bullpen/sdk` installed: then it gets the copy that this command uses. */
const ownSdk = (): Plugin => fallback('own-sdk', /^@bullpen\/sdk$/, () => Promise.resolve(OWN_DIR));

/** Whoever installs the SDK may import the zod that it brings; so may who has neither. */
const zodOfSdk = (): Plugin => fallback('zod-of-sdk', /^zod(\/|$)/, async (resolveFrom) => dirname((await resolveFrom('@bullpen/sdk', OWN_DIR)).path));

type ResolveFrom = (name: string, dir: string) => Promise<ResolveResult>;

/** What is not found from where the agent is, is looked for elsewhere. */
function fallback(name: string, filter: RegExp, dirOf: (resolveFrom: ResolveFrom) => Promise<string>): Plugin {
  return {
    name,
    setup(builder) {
      builder.onResolve({ filter }, async (args) => {
        if (args.pluginData === TRIED) return undefined;
        const ask = { kind: args.kind, pluginData: TRIED };
        const resolveFrom: ResolveFrom = (path, resolveDir) => builder.resolve(path, { ...ask, resolveDir });
        const installed = await builder.resolve(args.path, { ...ask, importer: args.importer, resolveDir: args.resolveDir });
        return installed.errors.length === 0 ? installed : resolveFrom(args.path, await dirOf(resolveFrom));
      });
    },
  };
}
