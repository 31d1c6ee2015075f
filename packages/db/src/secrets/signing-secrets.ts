import { BullpenError, newId } from '@bullpen/core';

import { adminListSigningSecretsUnderOtherKeys, adminReadSigningSecrets, adminReplaceSealedSigningSecret, type SealedSigningSecret } from '../admin/signing-secrets.ts';
import type { Database } from '../database.ts';
import { openSecret, sealSecret, type SealedSecret, type SecretRef } from './envelope.ts';
import type { KeyRing } from './key-ring.ts';

/** A secret as the statement that inserts its owner takes it. */
export interface NewSigningSecret extends SealedSecret {
  readonly id: string;
}

/** Made before secrets were sealed: the value is as it is, until it is sealed at the next start of a process that has a key. */
const UNSEALED = 'unsealed';

/**
 * What webhooks sign with and triggers check by, sealed as other secrets are (envelope.ts). Guarantees: a value is bound to its owner, is
 * opened nowhere but in `read`, and is in no error.
 */
export class SigningSecrets {
  readonly #db: Database;
  readonly #keys: KeyRing | null;

  constructor(options: { db: Database; keys: KeyRing | null }) {
    this.#db = options.db;
    this.#keys = options.keys;
  }

  /** Ready to be inserted with its owner, or beside the one before. @throws BullpenError SECRETS_UNAVAILABLE */
  seal(orgId: string | null, ownerId: string, value: string): NewSigningSecret {
    return { id: newId('signingSecret'), ...sealSecret(this.#ring, refOf(orgId, ownerId), value) };
  }

  /** Those that are good at this moment, the newest first. @throws BullpenError SECRETS_UNAVAILABLE */
  async read(ownerIds: readonly string[], nowMs: number): Promise<Map<string, string[]>> {
    const byOwner = new Map<string, string[]>(ownerIds.map((id) => [id, []]));
    for (const sealed of await adminReadSigningSecrets(this.#db, ownerIds, nowMs)) byOwner.get(sealed.ownerId)?.push(this.#open(sealed));
    return byOwner;
  }

  /** Seals what is unsealed, or sealed under another master key than the current one; how many. May be called again after it failed. */
  async rewrapAll(): Promise<number> {
    if (this.#keys === null) return 0;
    let rewrapped = 0;
    for (;;) {
      const stale = await adminListSigningSecretsUnderOtherKeys(this.#db, this.#keys.current.id);
      if (stale.length === 0) return rewrapped;
      for (const secret of stale) {
        const sealed = sealSecret(this.#keys, refOf(secret.orgId, secret.ownerId), this.#open(secret));
        if (await adminReplaceSealedSigningSecret(this.#db, secret, sealed)) rewrapped += 1;
      }
    }
  }

  #open(secret: SealedSigningSecret): string {
    if (secret.keyId === UNSEALED) return secret.sealedValue.toString();
    return openSecret(this.#ring, refOf(secret.orgId, secret.ownerId), secret);
  }

  get #ring(): KeyRing {
    if (this.#keys === null) throw new BullpenError('SECRETS_UNAVAILABLE', 'this deployment has no master key for secrets (BULLPEN_SECRETS_KEY), so that nothing can be signed');
    return this.#keys;
  }
}

/** Names of agents' secrets hold no space. */
function refOf(orgId: string | null, ownerId: string): SecretRef {
  return { orgId: orgId ?? '', name: `signing ${ownerId}` };
}
