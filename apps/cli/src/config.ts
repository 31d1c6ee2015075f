import { readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';

import { BullpenError, messageOf } from '@bullpen/core';

export const DEFAULT_API_URL = 'http://127.0.0.1:3000';
const CREDENTIALS = join('.bullpen', 'credentials.json');

/** What the command takes from the environment. */
export interface Environment {
  apiUrl: string | undefined;
  apiKey: string | undefined;
  org: string | undefined;
  noColor: boolean;
}

/** The only place that reads `process.env`. Empty strings count as absent. */
export function loadEnvironment(env: Readonly<Record<string, string | undefined>> = process.env): Environment {
  return {
    apiUrl: env['BULLPEN_API_URL'] || undefined,
    apiKey: env['BULLPEN_API_KEY'] || undefined,
    org: env['BULLPEN_ORG'] || undefined,
    // https://no-color.org: present and not empty, whatever its value.
    noColor: Boolean(env['NO_COLOR']) || env['TERM'] === 'dumb',
  };
}

/** `.bullpen/credentials.json`, as `npm start` writes it. */
export interface Credentials {
  apiUrl: string;
  adminKey?: string;
  /** Organization to API key; the first is the default. */
  orgs: Record<string, string>;
  /** Where they were found. */
  path: string;
}

export interface Flags {
  url?: string | undefined;
  key?: string | undefined;
  org?: string | undefined;
}

/** Where to send requests and as whom. */
export interface Connection {
  baseUrl: string;
  apiKey: string;
  org?: string;
}

/**
 * Flags win over the environment, and that over the credentials file. A key is only ever sent to the address that it
 * came with: a key of the file never to an address of a flag, a key of a flag never to an address that some folder's
 * file names.
 * @throws BullpenError UNAUTHENTICATED where no key is known for the address.
 */
export function resolveConnection(flags: Flags, env: Environment, credentials: Credentials | null): Connection {
  const org = flags.org ?? env.org;
  const url = flags.url ?? env.apiUrl;
  const key = flags.key ?? env.apiKey;
  if (key !== undefined) return { baseUrl: url ?? DEFAULT_API_URL, apiKey: key, ...(org === undefined ? {} : { org }) };
  if (credentials === null) {
    throw new BullpenError('UNAUTHENTICATED', `no API key: start Bullpen with \`npm start\`, or give --key or BULLPEN_API_KEY`);
  }
  if (url !== undefined && !isSameOrigin(url, credentials.apiUrl)) {
    throw new BullpenError('UNAUTHENTICATED', `the keys in ${credentials.path} are for ${credentials.apiUrl}, not for ${url}: give --key or BULLPEN_API_KEY`);
  }
  return fromCredentials(credentials, org);
}

/**
 * The same for the platform admin, who belongs to no organization: the key of a flag or the environment, else the admin's own.
 * @throws BullpenError UNAUTHENTICATED where no such key is known for the address.
 */
export function resolveAdminConnection(flags: Flags, env: Environment, credentials: Credentials | null): Connection {
  if ((flags.key ?? env.apiKey) === undefined && credentials?.adminKey !== undefined) {
    return resolveConnection({ ...flags, org: undefined }, { ...env, org: undefined }, { ...credentials, orgs: {} });
  }
  if ((flags.key ?? env.apiKey) === undefined) throw new BullpenError('UNAUTHENTICATED', 'this needs the key of the platform admin: give --key or BULLPEN_API_KEY');
  return resolveConnection(flags, env, credentials);
}

/**
 * The same for what only an owner may do: where the credentials file has the admin's key, that one, for the organization.
 * @throws BullpenError UNAUTHENTICATED
 */
export function resolveOwnerConnection(flags: Flags, env: Environment, credentials: Credentials | null): Connection {
  if ((flags.key ?? env.apiKey) !== undefined || credentials?.adminKey === undefined) return resolveConnection(flags, env, credentials);
  const org = flags.org ?? env.org ?? Object.keys(credentials.orgs)[0];
  return resolveConnection({ ...flags, org }, env, { ...credentials, orgs: {} });
}

function fromCredentials(credentials: Credentials, wanted: string | undefined): Connection {
  const org = wanted ?? Object.keys(credentials.orgs)[0];
  const own = org === undefined || !Object.hasOwn(credentials.orgs, org) ? undefined : credentials.orgs[org];
  if (own !== undefined) return { baseUrl: credentials.apiUrl, apiKey: own };
  if (credentials.adminKey !== undefined) {
    return { baseUrl: credentials.apiUrl, apiKey: credentials.adminKey, ...(org === undefined ? {} : { org }) };
  }
  const known = Object.keys(credentials.orgs).join(', ') || 'none';
  throw new BullpenError('UNAUTHENTICATED', `${credentials.path} has no key for ${org ?? 'any organization'} (it has: ${known}): give --key or another --org`);
}

function isSameOrigin(a: string, b: string): boolean {
  return URL.canParse(a) && URL.canParse(b) && new URL(a).origin === new URL(b).origin;
}

/** The first credentials file in one of `folders` or above it; null where there is none. */
export function findCredentials(folders: readonly string[]): Credentials | null {
  for (const folder of folders) {
    for (let dir = folder; ; dir = dirname(dir)) {
      const path = join(dir, CREDENTIALS);
      const text = readIfThere(path);
      if (text !== null) return parseCredentials(text, path);
      if (dir === dirname(dir)) break;
    }
  }
  return null;
}

function readIfThere(path: string): string | null {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code;
    if (code === 'ENOENT' || code === 'ENOTDIR' || code === 'EACCES') return null;
    throw new BullpenError('CONFIG_INVALID', `cannot read ${path}: ${messageOf(error)}`, { path });
  }
}

/** @throws BullpenError CONFIG_INVALID where the text is not what `npm start` writes. */
export function parseCredentials(text: string, path: string): Credentials {
  const { apiUrl, adminKey, orgs } = parseObject(text, path);
  const valid = typeof apiUrl === 'string' && URL.canParse(apiUrl) && (adminKey === undefined || typeof adminKey === 'string') && isTextRecord(orgs);
  if (!valid) throw new BullpenError('CONFIG_INVALID', `${path} is not a credentials file; remove it and run \`npm start\` to write a new one`, { path });
  return { apiUrl, orgs, path, ...(adminKey === undefined ? {} : { adminKey }) };
}

function parseObject(text: string, path: string): Record<string, unknown> {
  try {
    return Object(JSON.parse(text)) as Record<string, unknown>;
  } catch (error) {
    throw new BullpenError('CONFIG_INVALID', `${path} is not JSON (${messageOf(error)}); remove it and run \`npm start\` to write a new one`, { path });
  }
}

function isTextRecord(value: unknown): value is Record<string, string> {
  return typeof value === 'object' && value !== null && !Array.isArray(value) && Object.values(value).every((one) => typeof one === 'string');
}
