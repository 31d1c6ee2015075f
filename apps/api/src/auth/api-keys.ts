import { createHash, randomBytes, timingSafeEqual } from 'node:crypto';

import { newId, type Clock } from '@bullpen/core';
import { adminFindKeyByHash, type Database } from '@bullpen/db';

import type { Principal } from './principal.ts';

/** A new key: its id, and the secret that is shown once. 256 random bits need no slow hash. */
export function generateApiKey(): { id: string; secret: string; secretHash: string } {
  const secret = `bp_${randomBytes(32).toString('base64url')}`;
  return { id: newId('key'), secret, secretHash: hashSecret(secret) };
}

export function hashSecret(secret: string): string {
  return createHash('sha256').update(secret).digest('hex');
}

const MAX_REMEMBERED = 10_000;

/**
 * Finds the holder of a secret. What Postgres said is remembered for `rememberMs`, so that a busy key costs no round
 * trip and a revoked one stops working within that time. Unknown secrets are not remembered.
 */
export class ApiKeys {
  readonly #deps: { db: Database; clock: Clock; adminKey: string | undefined; rememberMs: number };
  readonly #remembered = new Map<string, { principal: Principal; untilMs: number }>();
  readonly #adminHash: Buffer | null;

  constructor(deps: { db: Database; clock: Clock; adminKey: string | undefined; rememberMs: number }) {
    this.#deps = deps;
    this.#adminHash = deps.adminKey === undefined ? null : Buffer.from(hashSecret(deps.adminKey), 'hex');
  }

  async find(secret: string): Promise<Principal | null> {
    const hash = hashSecret(secret);
    if (this.#adminHash !== null && timingSafeEqual(this.#adminHash, Buffer.from(hash, 'hex'))) {
      return { keyId: 'key_environment', orgId: null, role: 'admin', name: 'environment' };
    }
    const now = this.#deps.clock.monotonicMs();
    const remembered = this.#remembered.get(hash);
    if (remembered !== undefined && remembered.untilMs > now) return remembered.principal;
    const found = await adminFindKeyByHash(this.#deps.db, hash);
    if (found === null) return null;
    const principal: Principal = { keyId: found.id, orgId: found.orgId, role: found.role, name: found.name };
    if (this.#remembered.size >= MAX_REMEMBERED) this.#remembered.clear();
    this.#remembered.set(hash, { principal, untilMs: now + this.#deps.rememberMs });
    return principal;
  }
}
