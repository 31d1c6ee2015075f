import { createHash, randomBytes, timingSafeEqual } from 'node:crypto';

import { messageOf, newId, type Clock, type Logger } from '@bullpen/core';
import { adminFindKeyByHash, adminTouchKey, type Database, type KeyHolder } from '@bullpen/db';

import type { Principal } from './principal.ts';

/** How much of a secret is kept to recognize it by: `bp_` and 8 of its 43 characters. */
const PREFIX_CHARACTERS = 11;

/** A new key: its id, and the secret that is shown once. 256 random bits need no slow hash. */
export function generateApiKey(): { id: string; secret: string; secretHash: string; prefix: string } {
  const secret = `bp_${randomBytes(32).toString('base64url')}`;
  return { id: newId('key'), secret, secretHash: hashSecret(secret), prefix: secret.slice(0, PREFIX_CHARACTERS) };
}

export function hashSecret(secret: string): string {
  return createHash('sha256').update(secret).digest('hex');
}

const MAX_REMEMBERED = 10_000;
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
  readonly #remembered = new Map<string, { principal: Principal; untilMs: number }>();
  readonly #adminHash: Buffer | null;

  constructor(deps: ApiKeysDeps) {
    this.#deps = deps;
    this.#adminHash = deps.adminKey === undefined ? null : Buffer.from(hashSecret(deps.adminKey), 'hex');
  }

  async find(secret: string): Promise<Principal | null> {
    const hash = hashSecret(secret);
    if (this.#adminHash !== null && timingSafeEqual(this.#adminHash, Buffer.from(hash, 'hex'))) return ENVIRONMENT_KEY;
    const remembered = this.#remembered.get(hash);
    if (remembered !== undefined && remembered.untilMs > this.#deps.clock.monotonicMs()) return remembered.principal;
    const found = await adminFindKeyByHash(this.#deps.db, hash);
    if (found === null) return null;
    this.#noteUse(found.id);
    return this.#remember(hash, found);
  }

  /** Reads it again when it is used next: it was changed here. */
  forget(keyId: string): void {
    for (const [hash, { principal }] of this.#remembered) if (principal.keyId === keyId) this.#remembered.delete(hash);
  }

  #remember(hash: string, { id, orgId, role, name, expiresAt }: KeyHolder): Principal {
    const { clock, rememberMs } = this.#deps;
    const principal: Principal = { keyId: id, orgId, role, name };
    const livesMs = expiresAt === null ? rememberMs : Date.parse(expiresAt) - clock.nowMs();
    if (this.#remembered.size >= MAX_REMEMBERED) this.#remembered.clear();
    this.#remembered.set(hash, { principal, untilMs: clock.monotonicMs() + Math.min(rememberMs, livesMs) });
    return principal;
  }

  /** Nobody waits for it. */
  #noteUse(keyId: string): void {
    adminTouchKey(this.#deps.db, keyId).catch((error: unknown) => {
      this.#deps.log.warn({ keyId, reason: messageOf(error) }, 'key.use_not_noted');
    });
  }
}
