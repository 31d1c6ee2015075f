import { BullpenError, SECRET_BOUNDS, type RewrapResult, type Secret } from '@bullpen/core';

import { adminFindSecret, adminListSecretsUnderOtherKeys, adminRewrapSecret } from '../admin/secrets.ts';
import type { Database } from '../database.ts';
import { countOtherSecrets, deleteSecret, listSecrets, putSecret } from '../queries/secrets.ts';
import { openSecret, rewrapSecret, sealSecret } from './envelope.ts';
import type { KeyRing } from './key-ring.ts';

/**
 * Secrets of organizations. Guarantees: a value is sealed before it is sent to Postgres and opened nowhere but in `read`;
 * no error and no listing holds one. Without master keys only listing and deleting work.
 */
export class SecretStore {
  readonly #db: Database;
  readonly #keys: KeyRing | null;

  constructor(options: { db: Database; keys: KeyRing | null }) {
    this.#db = options.db;
    this.#keys = options.keys;
  }

  /** Sets it, or gives it a new value. @throws BullpenError SECRETS_UNAVAILABLE, LIMIT_EXCEEDED, NOT_FOUND (the organization). */
  async put(orgId: string, name: string, value: string): Promise<Secret> {
    const sealed = sealSecret(this.#ring, { orgId, name }, value);
    const most = SECRET_BOUNDS.perOrganization;
    // Counted before the insert: two at the same moment may end one above, which harms nobody.
    if (await countOtherSecrets(this.#db, orgId, name) >= most) throw new BullpenError('LIMIT_EXCEEDED', `the organization has ${most} secrets already`, { most });
    return putSecret(this.#db, orgId, name, sealed);
  }

  list(orgId: string): Promise<Secret[]> {
    return listSecrets(this.#db, orgId);
  }

  /** @throws BullpenError SECRET_NOT_FOUND */
  delete(orgId: string, name: string): Promise<void> {
    return deleteSecret(this.#db, orgId, name);
  }

  /** The value, for the supervisor of a run that may have it; null where there is none. @throws BullpenError SECRETS_UNAVAILABLE */
  async read(orgId: string, name: string): Promise<string | null> {
    const sealed = await adminFindSecret(this.#db, { orgId, name });
    return sealed === null ? null : openSecret(this.#ring, { orgId, name }, sealed);
  }

  /**
   * Wraps every data key under the current master key; the keys before are not needed any more then. May be called again
   * after it failed, and while secrets are written.
   * @throws BullpenError SECRETS_UNAVAILABLE where a secret needs a master key that is not here.
   */
  async rewrapAll(): Promise<RewrapResult> {
    const ring = this.#ring;
    let rewrapped = 0;
    for (;;) {
      const stale = await adminListSecretsUnderOtherKeys(this.#db, ring.current.id);
      if (stale.length === 0) return { keyId: ring.current.id, rewrapped };
      for (const secret of stale) {
        if (await adminRewrapSecret(this.#db, secret, rewrapSecret(ring, secret, secret))) rewrapped += 1;
      }
    }
  }

  get #ring(): KeyRing {
    if (this.#keys === null) throw new BullpenError('SECRETS_UNAVAILABLE', 'this deployment has no master key for secrets (BULLPEN_SECRETS_KEY)');
    return this.#keys;
  }
}
