import type { KvEntry, KvPage } from '@bullpen/core';

/** What the supervisor has for agents. The worker hands in what stands on Postgres; tests what stands in memory. */
export interface HostServices {
  readonly secrets: SecretSource;
  readonly kv: KvStore;
}

export interface SecretSource {
  /** The value, or null where the organization has no such secret. @throws SECRETS_UNAVAILABLE */
  read(orgId: string, name: string): Promise<string | null>;
}

/** Whose entries: those of one agent of one organization. */
export interface KvOwner {
  readonly orgId: string;
  readonly agent: string;
}

export interface KvStore {
  get(owner: KvOwner, key: string): Promise<KvEntry | null>;
  /**
   * @param ifRevision - only where the entry has this revision; 0: only where there is none
   * @returns the new revision
   * @throws KV_CONFLICT, KV_LIMIT
   */
  set(owner: KvOwner, entry: { key: string; valueJson: string; ifRevision?: number | undefined }): Promise<number>;
  /** @returns whether there was one. @throws KV_CONFLICT */
  delete(owner: KvOwner, entry: { key: string; ifRevision?: number | undefined }): Promise<boolean>;
  /** Entries by key, in the order of their bytes. */
  list(owner: KvOwner, page: { prefix: string; after: string | null; limit: number }): Promise<KvPage>;
}
