import { randomBytes } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import path from 'node:path';

import { z } from 'zod';

const schema = z.object({
  apiUrl: z.string(),
  adminKey: z.string().min(24),
  /** Organization to API key. */
  orgs: z.record(z.string(), z.string()),
});

/** What `bullpen` needs to talk to this system. Readable by its owner only. */
export type Credentials = z.output<typeof schema>;

/** The credentials kept in `dataDir`; the admin key is made once and stays, so that a bookmark and a script stay valid. */
export function openCredentials(dataDir: string, apiUrl: string): Credentials {
  try {
    const kept = schema.parse(JSON.parse(readFileSync(path.join(dataDir, 'credentials.json'), 'utf8')));
    return { ...kept, apiUrl };
  } catch {
    // None yet, or not readable as such: the organizations' keys can be made again with a new admin key.
    return { apiUrl, adminKey: `bp_admin_${randomBytes(24).toString('base64url')}`, orgs: {} };
  }
}

/** Writes them to each folder, whole or not at all. */
export function saveCredentials(folders: readonly string[], credentials: Credentials): void {
  for (const folder of new Set(folders)) {
    mkdirSync(folder, { recursive: true, mode: 0o700 });
    const file = path.join(folder, 'credentials.json');
    writeFileSync(`${file}.new`, `${JSON.stringify(credentials, null, 2)}\n`, { mode: 0o600 });
    renameSync(`${file}.new`, file);
  }
}

/** The file of the master key for secrets; made once, and never again: without it no secret opens any more. */
export function openSecretsKey(dataDir: string): string {
  const file = path.join(dataDir, 'secrets.key');
  if (existsSync(file)) return file;
  mkdirSync(dataDir, { recursive: true, mode: 0o700 });
  writeFileSync(`${file}.new`, `${randomBytes(32).toString('base64')}\n`, { mode: 0o600 });
  renameSync(`${file}.new`, file);
  return file;
}
