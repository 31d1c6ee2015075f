import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { pathToFileURL } from 'node:url';

import { BullpenError, messageOf } from '@bullpen/core';
import { build } from 'esbuild';

export const CONFIG_NAMES = ['bullpen.config.ts', 'bullpen.config.mts', 'bullpen.config.js', 'bullpen.config.mjs'] as const;

/** The default export of `bullpen.config.ts`; everything may be left out. */
export interface BullpenConfig {
  /** Where the API is. Its keys still come from a flag, the environment or the credentials file. */
  apiUrl?: string;
  org?: string;
  /** What `bullpen deploy` deploys: files or folders, relative to the config. */
  agents?: string[];
  deploy?: {
    /** Point this deployment at what is new. */
    to?: string;
    sourcemap?: boolean;
  };
}

/** A config and the folder it was found in. */
export interface FoundConfig extends BullpenConfig {
  readonly path: string;
  readonly dir: string;
}

type Kind = 'string' | 'boolean' | 'strings' | 'deploy';
const FIELDS: Readonly<Record<string, Kind>> = { apiUrl: 'string', org: 'string', agents: 'strings', deploy: 'deploy' };
const DEPLOY_FIELDS: Readonly<Record<string, Kind>> = { to: 'string', sourcemap: 'boolean' };

/**
 * The config of `folder`, or of the nearest folder above it up to the root of its repository. It is code, and is run.
 * @throws BullpenError CONFIG_INVALID where it throws or is not what it should be, with the field.
 */
export async function findProjectConfig(folder: string): Promise<FoundConfig | null> {
  for (let dir = folder; ; dir = dirname(dir)) {
    const path = CONFIG_NAMES.map((name) => join(dir, name)).find((candidate) => existsSync(candidate));
    if (path !== undefined) return { ...checked(await load(path), path), path, dir };
    if (dir === dirname(dir) || existsSync(join(dir, '.git'))) return null;
  }
}

async function load(path: string): Promise<unknown> {
  try {
    return ((await import(await importable(path))) as { default?: unknown }).default;
  } catch (error) {
    throw new BullpenError('CONFIG_INVALID', `${path} cannot be loaded: ${messageOf(error)}`, { path }, { cause: error });
  }
}

/** A Node that does not take types away itself (before 22.18) is given the config as JavaScript, in one piece. */
async function importable(path: string): Promise<string> {
  if (process.features.typescript || !/\.m?ts$/.test(path)) return pathToFileURL(path).href;
  const { outputFiles: [built] } = await build({ entryPoints: [path], bundle: true, write: false, format: 'esm', platform: 'node', target: `node${process.versions.node}`, logLevel: 'silent' });
  return `data:text/javascript;base64,${Buffer.from(built!.contents).toString('base64')}`;
}

function checked(config: unknown, path: string): BullpenConfig {
  if (!isPlainObject(config)) throw new BullpenError('CONFIG_INVALID', `${path} must export an object: export default { agents: ['agents/a.ts'] }`, { path });
  checkFields(config, FIELDS, path, '');
  if (isPlainObject(config['deploy'])) checkFields(config['deploy'], DEPLOY_FIELDS, path, 'deploy.');
  return config as BullpenConfig;
}

function checkFields(object: Record<string, unknown>, fields: Readonly<Record<string, Kind>>, path: string, prefix: string): void {
  for (const [name, value] of Object.entries(object)) {
    const kind = fields[name];
    if (kind === undefined) throw new BullpenError('CONFIG_INVALID', `${path} has ${prefix}${name}, which is nothing that is read; there are ${Object.keys(fields).map((one) => prefix + one).join(', ')}`, { path });
    if (!isOf(kind, value)) throw new BullpenError('CONFIG_INVALID', `${prefix}${name} in ${path} must be ${{ string: 'text', boolean: 'true or false', strings: 'a list of paths', deploy: 'an object' }[kind]}`, { path });
  }
}

function isOf(kind: Kind, value: unknown): boolean {
  if (value === undefined) return true;
  if (kind === 'strings') return Array.isArray(value) && value.every((one) => typeof one === 'string');
  return kind === 'deploy' ? isPlainObject(value) : typeof value === kind;
}

const isPlainObject = (value: unknown): value is Record<string, unknown> => typeof value === 'object' && value !== null && !Array.isArray(value);
