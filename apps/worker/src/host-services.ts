import { SecretStore, deleteEntry, getEntry, listEntries, parseKeyRing, setEntry, type Database } from '@bullpen/db';
import type { HostServices } from '@bullpen/runtime';

import type { WorkerConfig } from './config.ts';

/** What agents may ask their supervisor for, on Postgres. Secrets are opened here, in the worker, and nowhere else. */
export function createHostServices(db: Database, config: Pick<WorkerConfig, 'BULLPEN_SECRETS_KEY' | 'BULLPEN_SECRETS_KEY_FILE'>): HostServices {
  const keyText = config.BULLPEN_SECRETS_KEY ?? config.BULLPEN_SECRETS_KEY_FILE;
  const secrets = new SecretStore({ db, keys: keyText === undefined ? null : parseKeyRing(keyText) });
  return {
    secrets: { read: (orgId, name) => secrets.read(orgId, name) },
    kv: {
      get: (owner, key) => getEntry(db, owner, key),
      set: (owner, entry) => setEntry(db, owner, entry),
      delete: (owner, entry) => deleteEntry(db, owner, entry),
      list: (owner, page) => listEntries(db, owner, page),
    },
  };
}
