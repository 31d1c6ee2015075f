import { hash, randomBytes, timingSafeEqual } from 'node:crypto';

import { messageOf, newId, type Clock, type Logger } from '@bullpen/core';
import { adminFindKeyByHash, adminTouchKey, type Database } from '@bullpen/db';

import type { Principal } from './principal.ts';
import { Remembered, type Found } from './remembered.ts';

/** How much of a secret is kept to recognize it by: `bp_` and 8 of its 43 characters. */
const PREFIX_CHARACTERS = 11;

/** A new key: its id, and the secret that is shown once. 256 random bits need no slow hash. */
export function generateApiKey(): { id: string; secret: string; secretHash: string; prefix: string } {
  const secret = `bp_${randomBytes(32).toString('base64url')}`;
  return { id: newId('key'), secret, secretHash: hashSecret(secret), prefix: secret.slice(0, PREFIX_CHARACTERS) };
}

export function hashSecret(secret: string): string {
  return hash('sha256', secret, 'hex');
}

const ENVIRONMENT_KEY: Principal = { keyId: 'key_environment', orgId: null, role: 'admin', name: 'environment' };

export interface ApiKeysDeps {
  db: Database;
  clock: Clock;
  log: Logger;
  adminKey: string | undefined;
  rememberMs: number;
}

/**
 * Finds the holder of a secret. What Postgres said is remembered for `rememberMs` (never beyond the key's expiry), so
 * that a busy key costs no round trip and a revoked one stops working within that time. Unknown secrets are not remembered.
 */
export class ApiKeys {
  readonly #deps: ApiKeysDeps;
  readonly #remembered: Remembered<Principal>;
  readonly #adminHash: Buffer | null;

  constructor(deps: ApiKeysDeps) {
    this.#deps = deps;
    this.#remembered = new Remembered({ clock: deps.clock, rememberMs: deps.rememberMs, read: (secretHash) => this.#read(secretHash) });
    this.#adminHash = deps.adminKey === undefined ? null : Buffer.from(hashSecret(deps.adminKey), 'hex');
  }

  async find(secret: string): Promise<Principal | null> {
    const secretHash = hashSecret(secret);
    if (this.#adminHash !== null && timingSafeEqual(this.#adminHash, Buffer.from(secretHash, 'hex'))) return ENVIRONMENT_KEY;
    return this.#remembered.get(secretHash);
  }

  /** Reads it again when it is used next: it was changed here. */
  forget(keyId: string): void {
    this.#remembered.forget((principal) => principal.keyId === keyId);
  }

  async #read(secretHash: string): Promise<Found<Principal> | null> {
    const { db, clock } = this.#deps;
    const found = await adminFindKeyByHash(db, secretHash);
    if (found === null) return null;
    this.#noteUse(found.id);
    const { id: keyId, orgId, role, name, expiresAt } = found;
    const value: Principal = { keyId, orgId, role, name };
    return expiresAt === null ? { value } : { value, livesMs: Date.parse(expiresAt) - clock.nowMs() };
  }

  /** Nobody waits for it. */
  #noteUse(keyId: string): void {
    adminTouchKey(this.#deps.db, keyId).catch((error: unknown) => {
      this.#deps.log.warn({ keyId, reason: messageOf(error) }, 'key.use_not_noted');
    });
  }
}
